// One step of Adam or AdamW on flat f32 arrays, with clipping by the global norm; a step in which something is not finite changes
// nothing. What changes from step to step is in `state`, a buffer, so that a recorded step can be replayed.
// decide: from what finite.wgsl found and the losses, whether to skip the step and how to clip it; it also fills the report. One
// lane.
// update: values, m, v (count); about 15 FLOPs and 7 memory accesses an element. Grid: grid1d(count, 64 * rounds).
// average: moves the averages (count) towards the values, by a fraction that changes from step to step. Same grid.
// exchange: exchanges values and averages (count). Same grid.

struct Params {
  count: u32,           // update: elements; decide: the number of losses
  decoupled: u32,       // 0 Adam: decay is added to the gradient; 1 AdamW: it shrinks the values directly
  beta1: f32,
  rest1: f32,           // 1 - beta1, rounded once
  beta2: f32,
  rest2: f32,
  eps: f32,
  decay: f32,
  max_norm: f32,        // 0: no clipping
  rounds: u32,          // elements of a lane: lib/lane-range.wgsl
  rate_factor: f32,     // of these parameters' learning rate
}

struct State {
  rate: f32,
  correction1: f32,     // 1 - beta1^t
  correction2: f32,     // 1 - beta2^t
  scale: f32,           // of the gradient, e.g. 1 / micro-batches
  average: f32,         // weight of the new values in their moving averages
}

struct Found {            // as in finite.wgsl
  squares: f32,
  count: u32,
  key: u32,
  index: u32,
}

struct Report {
  norm: f32,            // of the scaled gradient, before clipping
  clip: f32,
  non_finite: f32,      // NaN or infinite values in the step
  skipped: f32,         // 1: this step changed nothing
  steps: f32,           // since the host cleared the report, like the next two
  skipped_steps: f32,
  key: u32,             // where the first value that is not finite was, as in finite.wgsl
  index: u32,
  loss_sums: array<f32>, // of the steps that were not skipped
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read> found: Found;
@group(0) @binding(3) var<storage, read> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> report: Report;
@group(0) @binding(5) var<storage, read> decision: Report;
@group(0) @binding(6) var<storage, read> gradients: array<f32>;
@group(0) @binding(7) var<storage, read_write> values: array<f32>;
@group(0) @binding(8) var<storage, read_write> m: array<f32>;
@group(0) @binding(9) var<storage, read_write> v: array<f32>;
@group(0) @binding(10) var<storage, read_write> averages: array<f32>;

// use: lane-range, workgroup-index

const KEY_LOSSES = 0xfffffffeu; // before gradients, after all else

fn not_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u;
}

@compute @workgroup_size(1)
fn decide() {
  var count = found.count;
  var key = found.key;
  var index = found.index;
  for (var i = 0u; i < params.count; i++) {
    if (not_finite(losses[i])) {
      count += 1u;
      if (key == 0u || key > KEY_LOSSES) {
        key = KEY_LOSSES;
        index = i;
      }
    }
  }
  let norm = sqrt(found.squares) * abs(state.scale);
  // squares of finite numbers may overflow: so the norm is checked too
  let finite = count == 0u && !not_finite(norm);
  report.key = key;
  report.index = index;
  report.norm = norm;
  report.clip = select(1.0, min(1.0, params.max_norm / (norm + 1e-6)), params.max_norm > 0.0);
  report.non_finite = f32(count);
  report.skipped = select(1.0, 0.0, finite);
  report.steps += 1.0;
  report.skipped_steps += select(1.0, 0.0, finite);
  if (!finite) { return; }
  for (var i = 0u; i < params.count; i++) { report.loss_sums[i] += losses[i]; }
}

@compute @workgroup_size(64)
fn update(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  if (decision.skipped != 0.0) { return; }
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  let rate = state.rate * params.rate_factor;
  for (var i = range.x; i < range.y; i += 8u) {
    var value = values[i];
    var gradient = gradients[i] * (state.scale * decision.clip);
    if (params.decoupled != 0u) {
      value -= rate * params.decay * value;
    } else {
      gradient += params.decay * value;
    }
    let first = params.beta1 * m[i] + params.rest1 * gradient;
    let second = params.beta2 * v[i] + params.rest2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    values[i] = value - rate * (first / state.correction1) / (sqrt(second / state.correction2) + params.eps);
  }
}

@compute @workgroup_size(64)
fn average(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  if (decision.skipped != 0.0) { return; }
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) { averages[i] += state.average * (values[i] - averages[i]); }
}

@compute @workgroup_size(64)
fn exchange(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) {
    let value = values[i];
    values[i] = averages[i];
    averages[i] = value;
  }
}
