// A small product on matrix units, to try them: c (64, 16) = a (64, 32) · b (32, 16), all values whole numbers. a is converted
// to f16 in workgroup memory, as the kernels of matrix products do; b is f16 in storage. 2 · 64 · 16 · 32 FLOPs.
// A workgroup has four subgroups of 32 lanes; each computes 16 rows of c. Grid: (1).
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f16>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

// rows of 32 values, padded by 8, in units of four
var<workgroup> tile: array<vec4<f16>, 640>;

@compute @workgroup_size(128)
fn product(@builtin(subgroup_id) subgroup: u32, @builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < 512u; i += 128u) {
    let at = 4u * i;
    tile[i / 8u * 10u + i % 8u] = vec4<f16>(vec4f(a[at], a[at + 1u], a[at + 2u], a[at + 3u]));
  }
  workgroupBarrier();
  var sum = Result();
  for (var k = 0u; k < 32u; k += 16u) {
    let left = subgroupMatrixLoad<Left, row_major>(&tile, subgroup * 160u + k / 4u, 10u);
    let right = subgroupMatrixLoad<Right, row_major>(&b, k * 16u, 16u);
    sum = subgroupMatrixMultiplyAccumulate(left, right, sum);
  }
  subgroupMatrixStore<row_major>(&c, subgroup * 256u, sum, 16u);
}
