/** @file What the playground says about the device: nothing if all is well, else what to do. */
import { gpu } from '../state/studio'

export function GpuStatus() {
  const found = gpu.value
  if (!found) return null
  if ('problem' in found)
    return (
      <div class="advice bad" role="status">
        <strong>{found.problem}</strong>
        <ul>
          {found.advice.map((line) => (
            <li>{line}</li>
          ))}
        </ul>
      </div>
    )
  if (!found.software) return null
  return (
    <div class="advice" role="status">
      <strong>This browser computes on the processor ({found.name}), not on a graphics card.</strong>
      <p>
        Everything works, but takes tens of times as long. Use a small model and few points per side; a smaller input
        size is faster, but masks are worse until an adapter is trained at it. If this machine has a graphics card,
        switch on graphics acceleration in the browser’s settings.
      </p>
    </div>
  )
}
