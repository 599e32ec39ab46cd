/** @file Converts a run's records to rows of named numbers for experiment trackers; names are `group/name`. */
import type { Measures, MetricsRecord, StepRecord, ValidationRecord } from './records'

export type MetricRow = Record<string, number>

/** The numbers of a record by name, as docs/tracking.md lists them. Numbers that an older record lacks are omitted. */
export function metricRow(record: MetricsRecord): MetricRow {
  const row = record.kind === 'step' ? stepRow(record) : validationRow(record)
  // NaN and infinity are null in records read from a JSON file
  return Object.fromEntries(Object.entries(row).filter((entry): entry is [string, number] => Number.isFinite(entry[1])))
}

const stepRow = ({ epoch, loss, parts, learningRate, gradientNorm, skipped, time }: StepRecord) => ({
  epoch,
  'train/loss': loss,
  'train/dice_loss': parts?.dice,
  'train/bce_loss': parts?.bce,
  'train/iou_loss': parts?.iou,
  'train/head_loss': parts?.head,
  'train/learning_rate': learningRate,
  'train/gradient_norm': gradientNorm,
  'train/images_per_second': time.imagesPerSecond,
  'train/skipped': skipped && 1,
})

function validationRow({ epoch, score, head, point, box }: ValidationRecord) {
  const named = (prompt: string, { dice, miou, accuracy, instanceDice }: Measures) => ({
    [`val/${prompt}_dice`]: dice,
    [`val/${prompt}_miou`]: miou,
    [`val/${prompt}_accuracy`]: accuracy,
    [`val/${prompt}_instance_dice`]: instanceDice,
  })
  return { epoch, 'val/score': score, 'val/head_f1': head, ...named('point', point), ...named('box', box) }
}
