/** @file Names of the supported experiment trackers. */

export const trackers = ['wandb', 'tensorboard'] as const
export type TrackerName = (typeof trackers)[number]
