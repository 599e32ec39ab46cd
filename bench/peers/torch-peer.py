"""PyTorch on the same GPU, for `wgsam bench --peers`: SAM's image encoder (ViT-B) with LoRA on q and v, random weights.

One argument, JSON: {"cases": [{"name", "size", "batch", "train"}], "rank", "seconds"}. Prints JSON, one object a line: first
{"version", "device"} or {"unavailable": why}, then for each case, number format and way of running {"name", "kind", "how", and
"times" (milliseconds), "peak" (bytes) or "why"}. Everything eager comes before what is compiled, which takes minutes.
"""
import json
import sys
import time


def say(**fields):
    print(json.dumps(fields), flush=True)


try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    say(unavailable=f"python has no PyTorch: {error}")
    sys.exit()
if not torch.cuda.is_available():
    say(unavailable="PyTorch finds no CUDA device")
    sys.exit()

DIM, DEPTH, HEADS, PATCH, WINDOW, GLOBAL = 768, 12, 12, 16, 14, (2, 5, 8, 11)
# f32 and tf32 differ in what matrix products do with f32; bf16 is autocast
KINDS = {"f32": (False, None), "tf32": (True, None), "bf16": (True, torch.bfloat16)}


def frozen(module):
    for parameter in module.parameters():
        parameter.requires_grad = False
    return module


class Attention(nn.Module):
    """Multi-head attention with decomposed relative positions, on maps (B, side, side, DIM)."""

    def __init__(self, side, rank):
        super().__init__()
        self.qkv = frozen(nn.Linear(DIM, 3 * DIM))
        self.out = frozen(nn.Linear(DIM, DIM))
        self.down = nn.ParameterList(nn.Parameter(torch.randn(rank, DIM) * DIM**-0.5) for _ in range(2))
        self.up = nn.ParameterList(nn.Parameter(torch.zeros(DIM, rank)) for _ in range(2))
        offsets = torch.arange(side)[:, None] - torch.arange(side)[None, :] + side - 1
        for axis in ("rows", "columns"):
            self.register_buffer(axis, (torch.randn(2 * side - 1, DIM // HEADS) * 0.02)[offsets])

    def forward(self, x):
        batch, side = x.shape[:2]
        tokens, head = side * side, DIM // HEADS
        flat = x.reshape(batch, tokens, DIM)
        q, k, v = self.qkv(flat).split(DIM, dim=-1)
        q = q + F.linear(F.linear(flat, self.down[0]), self.up[0])
        v = v + F.linear(F.linear(flat, self.down[1]), self.up[1])
        q, k, v = (part.reshape(batch, tokens, HEADS, head).transpose(1, 2) for part in (q, k, v))
        grid = q.reshape(batch, HEADS, side, side, head)
        by_row = torch.einsum("bhyxc,yjc->bhyxj", grid, self.rows.to(grid.dtype))
        by_column = torch.einsum("bhyxc,xjc->bhyxj", grid, self.columns.to(grid.dtype))
        bias = (by_row[..., :, None] + by_column[..., None, :]).reshape(batch, HEADS, tokens, tokens)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.out(mixed.transpose(1, 2).reshape(batch, side, side, DIM))


class Block(nn.Module):
    def __init__(self, side, window, rank):
        super().__init__()
        self.window = window
        self.before, self.between = frozen(nn.LayerNorm(DIM, eps=1e-6)), frozen(nn.LayerNorm(DIM, eps=1e-6))
        self.attention = Attention(window or side, rank)
        self.mlp = frozen(nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM)))

    def attend(self, x):
        if not self.window:
            return self.attention(x)
        batch, side, w = x.shape[0], x.shape[1], self.window
        pad = -side % w
        count = (side + pad) // w
        x = F.pad(x, (0, 0, 0, pad, 0, pad)).reshape(batch, count, w, count, w, DIM).transpose(2, 3)
        y = self.attention(x.reshape(batch * count * count, w, w, DIM)).reshape(batch, count, count, w, w, DIM)
        return y.transpose(2, 3).reshape(batch, side + pad, side + pad, DIM)[:, :side, :side]

    def forward(self, x):
        x = x + self.attend(self.before(x))
        return x + self.mlp(self.between(x))


class Encoder(nn.Module):
    def __init__(self, size, rank):
        super().__init__()
        side = size // PATCH
        self.patches = frozen(nn.Conv2d(3, DIM, PATCH, PATCH))
        self.register_buffer("positions", torch.randn(1, side, side, DIM) * 0.02)
        self.blocks = nn.ModuleList(Block(side, 0 if i in GLOBAL else WINDOW, rank) for i in range(DEPTH))
        neck = [nn.Conv2d(DIM, 256, 1, bias=False), nn.GroupNorm(1, 256), nn.Conv2d(256, 256, 3, padding=1, bias=False)]
        self.neck = frozen(nn.Sequential(*neck, nn.GroupNorm(1, 256)))

    def forward(self, images):
        x = self.patches(images).permute(0, 2, 3, 1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.neck(x.permute(0, 3, 1, 2))


def timed(run, seconds):
    """Milliseconds of each run, by the GPU's events, after a second of load."""
    end = time.perf_counter() + max(1.0, seconds)
    while time.perf_counter() < end:
        run()
        torch.cuda.synchronize()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or (len(times) < 50 and time.perf_counter() < end):
        first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record()
        run()
        last.record()
        torch.cuda.synchronize()
        times.append(first.elapsed_time(last))
    return times


def measure(case, kind, how, rank, seconds):
    tf32, cast = KINDS[kind]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    encoder = Encoder(case["size"], rank).cuda()
    images = torch.randn(case["batch"], 3, case["size"], case["size"], device="cuda")
    model = torch.compile(encoder) if how == "compiled" else encoder

    def forward():
        with torch.autocast("cuda", dtype=cast or torch.bfloat16, enabled=cast is not None):
            return model(images)

    def predict():
        with torch.no_grad():
            forward()

    trained = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    adam = torch.optim.Adam(trained, lr=1e-4)

    def step():
        loss = forward().float().square().mean()
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()

    torch.cuda.reset_peak_memory_stats()
    return timed(step if case["train"] else predict, seconds), torch.cuda.max_memory_allocated()


def main():
    wanted = json.loads(sys.argv[1])
    say(version=torch.__version__, device=torch.cuda.get_device_name())
    for how in ("eager", "compiled"):
        for kind in KINDS:
            for case in wanted["cases"]:
                row = {"name": case["name"], "kind": kind, "how": how}
                try:
                    times, peak = measure(case, kind, how, wanted["rank"], wanted["seconds"])
                    say(**row, times=times, peak=peak)
                except Exception as error:  # out of memory, or a compiler that is not installed
                    say(**row, why=(str(error).strip() or type(error).__name__).split("\n")[0])
                torch.cuda.empty_cache()


main()
