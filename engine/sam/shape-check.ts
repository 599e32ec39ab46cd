/** @file The check of each tensor that is loaded against the shape that the architecture gives it. */
import { elements, sameShape, shapeText } from '../device/shape'
import { SettingError } from '../setting-error'
import type { Architecture } from './architecture'
import { expectedTensors } from './tensor-shapes'

export class ShapeCheck {
  private expected: ReturnType<typeof expectedTensors>
  /** First dimensions of the tensors whose width the architecture leaves open: null until they are read. */
  private readonly open = new Map<string, number | null>()

  constructor(private readonly architecture: Architecture) {
    this.expected = this.find()
  }

  private find() {
    return expectedTensors(this.architecture, (name) => {
      if (!this.open.has(name)) this.open.set(name, null)
      return this.open.get(name) ?? undefined
    })
  }

  /** @throws SettingError that names the tensor, if its shape is not that of the architecture or its values do not fill it */
  check(name: string, shape: readonly number[], values: number): void {
    if (this.open.get(name) === null && shape[0] > 0) {
      this.open.set(name, shape[0])
      this.expected = this.find()
    }
    const expected = this.expected.get(name)
    if (expected && !sameShape(shape, expected))
      throw new SettingError(
        `weight ${name} has the shape ${shapeText(shape)} instead of ${shapeText(expected)}: these are not the weights of the ` +
          'architecture that was given',
      )
    if (values !== elements(shape))
      throw new SettingError(`weight ${name}: ${values} values do not fill the shape ${shapeText(shape)}`)
  }
}
