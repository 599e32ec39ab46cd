/** @file A run's records as rows of named numbers, as experiment trackers show them: a group, a slash, a name. */
import type { Measures, MetricsRecord, StepRecord, ValidationRecord } from './records'

export type Row = Record<string, number>

/** The numbers of a record under their names; docs/tracking.md lists them. What an older record lacks is left out. */
export function rowOf(record: MetricsRecord): Row {
  const row = record.kind === 'step' ? stepRow(record) : validationRow(record)
  // a number that is none is null once it has been through a JSON file
  return Object.fromEntries(Object.entries(row).filter((entry): entry is [string, number] => Number.isFinite(entry[1])))
}

const stepRow = ({ epoch, loss, parts, learningRate, gradientNorm, skipped, time }: StepRecord) => ({
  epoch,
  'train/loss': loss,
  'train/dice_loss': parts?.dice,
  'train/bce_loss': parts?.bce,
  'train/iou_loss': parts?.iou,
  'train/learning_rate': learningRate,
  'train/gradient_norm': gradientNorm,
  'train/images_per_second': time.imagesPerSecond,
  'train/skipped': skipped && 1,
})

function validationRow({ epoch, score, point, box }: ValidationRecord) {
  const named = (prompt: string, { dice, miou, accuracy, instanceDice }: Measures) => ({
    [`val/${prompt}_dice`]: dice,
    [`val/${prompt}_miou`]: miou,
    [`val/${prompt}_accuracy`]: accuracy,
    [`val/${prompt}_instance_dice`]: instanceDice,
  })
  return { epoch, 'val/score': score, ...named('point', point), ...named('box', box) }
}
