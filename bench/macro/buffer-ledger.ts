/** @file Counts the bytes of a device's buffers as they are created and destroyed: the memory in use, independent of any plan. */

export class BufferLedger {
  live = 0
  /** Maximum of `live` since the last reset. */
  peak = 0
  /** Buffers created since the last reset. */
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
