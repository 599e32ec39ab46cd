// The elements of one lane, in kernels that only move elements or compute little with them (engine/graph/lane-rounds.ts).
// A workgroup has 64 lanes in 8 groups of 8. A group owns 8 * params.rounds consecutive elements of `count`; in each round
// its lanes process 8 neighbours. So a lane loops from .x to below .y in steps of 8.
fn lane_range(group: u32, lane: u32, count: u32) -> vec2u {
  let size = 8u * params.rounds;
  let first = (group * 8u + lane / 8u) * size;
  return vec2u(first + lane % 8u, min(first + size, count));
}
