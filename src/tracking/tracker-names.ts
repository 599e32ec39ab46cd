/** @file The experiment trackers that a run can be told to, beside its own metrics.jsonl. */

export const trackers = ['wandb', 'tensorboard'] as const
export type TrackerName = (typeof trackers)[number]
