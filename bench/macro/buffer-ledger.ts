/** @file Counts the bytes of a device's buffers as they are made and destroyed: what a run really holds, whatever its plan says. */

export class Ledger {
  live = 0
  /** The most at once since it was last set back. */
  peak = 0
  /** Buffers made since then. */
  made = 0

  constructor(device: GPUDevice) {
    const create = device.createBuffer.bind(device)
    device.createBuffer = (descriptor) => {
      const buffer = create(descriptor)
      const destroy = buffer.destroy.bind(buffer)
      let counted = descriptor.size
      this.live += counted
      this.made++
      this.peak = Math.max(this.peak, this.live)
      buffer.destroy = () => {
        this.live -= counted
        counted = 0
        return destroy()
      }
      return buffer
    }
  }

  reset(): void {
    this.peak = this.live
    this.made = 0
  }
}
