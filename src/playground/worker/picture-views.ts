/** @file The images that the worker was asked about, and in which parts prompts see each. */
import { viewForPrompts } from '../../../engine/scale/prompt-parts'
import type { DiameterBand, View } from '../../../engine/scale/view'
import { HttpError } from '../../host/http-error'
import type { Picture } from '../calls'

export class PictureViews {
  private readonly pictures = new Map<string, Picture>()
  private readonly known = new Map<string, { diameter: number; view: View }>()

  add(picture: Picture): void {
    this.pictures.set(picture.id, picture)
  }

  /** Forgets the views: another model knows other sizes. */
  forget(): void {
    this.known.clear()
  }

  /** @throws HttpError 404 if the page has not named the image */
  picture(id: string): Picture {
    const picture = this.pictures.get(id)
    if (!picture) throw new HttpError(404, `there is no image ${id}`)
    return picture
  }

  /** The tiles of an image whose particles would be too small in the whole of it. @param band the sizes that the model knows */
  viewOf(id: string, inputSize: number, band: DiameterBand): View {
    const { info, particles } = this.picture(id)
    const kept = this.known.get(id)
    if (kept && kept.diameter === particles?.diameter) return kept.view
    const view = viewForPrompts(info, inputSize, particles, 1, { band })
    if (particles) this.known.set(id, { diameter: particles.diameter, view })
    return view
  }
}
