// Tensors that all variants of the fused attention kernels have. A quad is four queries of a window, one after the other.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;         // (tokens [+ 1], 3C)
@group(0) @binding(2) var<storage, read> rows: array<u32>;          // (windows, length): row in qkv; from `tokens` on: padding
// (windows * heads, side_h + side_w, quads): what each line of keys, then each column of keys adds to the scores of a quad
@group(0) @binding(3) var<storage, read> rel: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;   // (tokens, C)
// (windows * heads, quads, 2): of a quad's queries the logarithm of the sum of exp(score), then sum(dout out)
@group(0) @binding(6) var<storage, read_write> kept: array<vec4f>;
@group(0) @binding(7) var<storage, read> stats: array<vec4f>;       // kept, completed by backward_stats
@group(0) @binding(8) var<storage, read> dout: array<vec4f>;        // (tokens, C)
@group(0) @binding(9) var<storage, read_write> dqkv: array<vec4f>;  // as qkv
@group(0) @binding(10) var<storage, read_write> drel: array<vec4f>; // as rel
@group(0) @binding(11) var<storage, read_write> dpads: array<vec4f>; // (pads, 2C): gradients of the k and v of padding

const LOWEST = -1.0e30; // the score of a key that gets no probability

fn store(at: u32, value: vec4f) {
  dqkv[at] = value + select(vec4f(), dqkv[at], params.accumulate != 0u);
}
