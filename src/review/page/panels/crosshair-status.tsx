/** @file What is under the crosshair, for screen readers. */
import { session } from '../state/app'
import { crosshair } from '../state/crosshair'
import { hovered } from '../tools/hover'

export function CrosshairStatus() {
  return (
    <p class="visually-hidden" role="status" aria-label="Crosshair">
      {describe()}
    </p>
  )
}

function describe(): string {
  const open = session.value
  const at = crosshair.value
  if (!open || !at) return ''
  const where = `Crosshair at ${Math.floor(at[0])}, ${Math.floor(at[1])}`
  const shown = hovered.value?.masks[hovered.value.shown]
  if (shown) return `${where}: the model’s mask, IoU ${shown.predictedIou.toFixed(2)}. Space takes it.`
  void open.version.value
  const id = open.owners.at(Math.floor(at[0]), Math.floor(at[1]))
  return id ? `${where}: mask ${id}` : `${where}: no mask`
}
