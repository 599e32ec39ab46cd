// The rate of matrix units alone, against which `wgsam bench` compares products: each subgroup multiplies the same four
// matrices of f16 by two others again and again, into eight sums of 16x16 in f32. `count` rounds of 65536 FLOPs a subgroup.
// sums has 2048 floats for each of the four subgroups of a workgroup. Grid: any number of workgroups.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;

struct Params {
  count: u32,
  factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

// four left matrices beside two right ones, with another value in each
var<workgroup> values: array<f16, 1536>;

@compute @workgroup_size(128)
fn multiply_add(
  @builtin(workgroup_id) group: vec3u,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var i = lane; i < 1536u; i += 128u) { values[i] = f16(params.factor * f32(i % 7u + i / 256u)); }
  workgroupBarrier();
  let a0 = subgroupMatrixLoad<Left, row_major>(&values, 0u, 16u);
  let a1 = subgroupMatrixLoad<Left, row_major>(&values, 256u, 16u);
  let a2 = subgroupMatrixLoad<Left, row_major>(&values, 512u, 16u);
  let a3 = subgroupMatrixLoad<Left, row_major>(&values, 768u, 16u);
  let b0 = subgroupMatrixLoad<Right, row_major>(&values, 1024u, 16u);
  let b1 = subgroupMatrixLoad<Right, row_major>(&values, 1280u, 16u);
  var c00 = Result();
  var c01 = Result();
  var c10 = Result();
  var c11 = Result();
  var c20 = Result();
  var c21 = Result();
  var c30 = Result();
  var c31 = Result();
  for (var i = 0u; i < params.count; i++) {
    c00 = subgroupMatrixMultiplyAccumulate(a0, b0, c00);
    c01 = subgroupMatrixMultiplyAccumulate(a0, b1, c01);
    c10 = subgroupMatrixMultiplyAccumulate(a1, b0, c10);
    c11 = subgroupMatrixMultiplyAccumulate(a1, b1, c11);
    c20 = subgroupMatrixMultiplyAccumulate(a2, b0, c20);
    c21 = subgroupMatrixMultiplyAccumulate(a2, b1, c21);
    c30 = subgroupMatrixMultiplyAccumulate(a3, b0, c30);
    c31 = subgroupMatrixMultiplyAccumulate(a3, b1, c31);
  }
  // each sum is stored at another place, so that the compiler can drop none of them
  let at = (group.x * 4u + subgroup) * 2048u;
  subgroupMatrixStore<row_major>(&sums, at + 0u, c00, 16u);
  subgroupMatrixStore<row_major>(&sums, at + 256u, c01, 16u);
  subgroupMatrixStore<row_major>(&sums, at + 512u, c10, 16u);
  subgroupMatrixStore<row_major>(&sums, at + 768u, c11, 16u);
  subgroupMatrixStore<row_major>(&sums, at + 1024u, c20, 16u);
  subgroupMatrixStore<row_major>(&sums, at + 1280u, c21, 16u);
  subgroupMatrixStore<row_major>(&sums, at + 1536u, c30, 16u);
  subgroupMatrixStore<row_major>(&sums, at + 1792u, c31, 16u);
}
