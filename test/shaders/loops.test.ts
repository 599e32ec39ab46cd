/** Variables without an initial value in loops of shaders, which Dawn does not set to zero in each round. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkShaders, uninitialisedInLoops } from '../../scripts/wgsl-loops.mjs'

test('no shader has one', () => {
  assert.equal(checkShaders('shaders'), [])
})

const bad = `
var<workgroup> lanes: array<f32, 8>;
fn f(n: u32) -> f32 {
  var outside: array<vec4f, 4>; // not in a loop
  for (var i = 0u; i < n; i++) {
    var one: f32;
    let x = 1.0; /* var comment: f32; */ var two: array<mat4x4f, (3 + 1)>;
    if (x >= 1.0) { var three: subgroup_matrix_result<f32, 16, 16>; }
    var fine = mat4x4f();
    var equal = select(0.0, 1.0, i == 0u); // var commented: f32;
    var typed: subgroup_matrix_left<f16, 16, 16> = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>>(&a, 0u, 16u);
  }
  var between: f32;
  while (true) { { var<function> four: vec2<f32>; } break; }
  loop {
    var
      five: S;
    continuing { var six: u32; break if true; }
  }
  for (var i: u32; i < n; i++) { for (var seven: u32; seven < n; seven++) { } }
  if (n > 0u) { var after: f32; }
  return outside[0].x;
}
fn g() { var elsewhere: f32; }
`

test('they are found in every kind of loop and in blocks within, and nothing else is', () => {
  assert.equal(uninitialisedInLoops(bad), [
    { line: 6, name: 'one' },
    { line: 7, name: 'two' },
    { line: 8, name: 'three' },
    { line: 14, name: 'four' },
    { line: 16, name: 'five' },
    { line: 18, name: 'six' },
    { line: 20, name: 'seven' },
  ])
})

test('they are named by file and line, also those in shared texts that are used in a loop', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wgsl-'))
  try {
    mkdirSync(join(folder, 'lib'))
    writeFileSync(join(folder, 'lib/part.wgsl'), '// why\nvar shared: f32;\n')
    writeFileSync(join(folder, 'a.wgsl'), 'fn f() {\n  // use: part\n  loop { var own: f32; break; }\n}\n')
    writeFileSync(join(folder, 'b.wgsl'), 'fn f() {\n  loop {\n    // use: part\n  }\n}\n')
    const found = checkShaders(folder).map((problem) => problem.split(' is declared in a loop')[0])
    assert.equal(found, ['a.wgsl:3: own', 'lib/part.wgsl:2: shared'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
