/** @file What a person should know about a checkpoint that was opened. */
import type { Architecture } from '../../engine/sam/architecture'
import type { Checkpoint } from './sam-checkpoint'

/** What is unusual about a checkpoint, and how it is taken. */
export function checkpointRemarks({ path, others, pixels: own }: Checkpoint, { pixels }: Architecture): string[] {
  const lines: string[] = []
  if (others.length)
    lines.push(
      `note: ${path}: tensors beside the model, ${others.length} in number, are not used: ${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}`,
    )
  if (pixels && own)
    lines.push(
      `note: ${path}: pixels are normalised with mean ${pixels.mean.join(', ')} and deviation ${pixels.std.join(', ')} instead of SAM's`,
    )
  return lines
}
