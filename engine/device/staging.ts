/**
 * @file Buffers that the host can map, kept from use to use: for uploads, and for reading back. On a card with its own memory
 * `queue.writeBuffer` copies at a fraction of the bus's speed; a memory copy into a mapped buffer, which the GPU then copies, is
 * several times as fast.
 */

/** Bytes of a buffer for uploads. A larger upload takes several. */
const UPLOAD_BYTES = 8 << 20
/** Buffers for uploads: what is not yet copied when all are in use goes by `queue.writeBuffer`. */
const UPLOADS = 4
/** Smaller uploads are not worth a separate submission. */
const LEAST_UPLOAD = 64 << 10

/** Uploads through a fixed number of mapped buffers, which are created with the first upload. */
export class StagedUploads {
  /** Mapped and free. */
  private readonly free: GPUBuffer[] = []
  private readonly all: GPUBuffer[] = []
  private created = false

  constructor(
    private readonly device: GPUDevice,
    private readonly bytes = UPLOAD_BYTES,
    private readonly least = LEAST_UPLOAD,
  ) {}

  /**
   * Uploads the beginning of `data`, all of it if enough buffers are free, in the order of the queue.
   * @returns the number of bytes uploaded, a multiple of 4
   */
  write(target: GPUBuffer, start: number, data: Uint8Array): number {
    if (data.byteLength < this.least || data.byteLength % 4) return 0
    if (!this.created) this.create()
    const used: GPUBuffer[] = []
    const encoder = this.device.createCommandEncoder()
    let at = 0
    while (at < data.byteLength && this.free.length) {
      const buffer = this.free.pop()!
      const part = data.subarray(at, at + this.bytes)
      new Uint8Array(buffer.getMappedRange()).set(part)
      buffer.unmap()
      encoder.copyBufferToBuffer(buffer, 0, target, start + at, part.byteLength)
      used.push(buffer)
      at += part.byteLength
    }
    if (!used.length) return 0
    this.device.queue.submit([encoder.finish()])
    for (const buffer of used)
      // mapped again when the GPU has copied it; if the device is lost, there is nothing left to upload to
      void buffer.mapAsync(GPUMapMode.WRITE).then(
        () => this.free.push(buffer),
        () => {},
      )
    return at
  }

  private create(): void {
    this.created = true
    for (let i = 0; i < UPLOADS; i++)
      this.all.push(
        this.device.createBuffer({
          label: 'upload',
          size: this.bytes,
          usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC,
          mappedAtCreation: true,
        }),
      )
    this.free.push(...this.all)
  }

  /** Frees the buffers; nothing may be uploaded afterwards. */
  destroy(): void {
    for (const buffer of this.all) buffer.destroy()
    this.free.length = 0
  }
}

/** Buffers for reading back that stay for the next read, at most this many bytes of each size. */
const KEPT_BYTES = 64 << 20
const SMALLEST_READ = 256

/** Buffers for reading back. Their sizes are powers of two, so that a step which reads the same again creates none. */
export class ReadBuffers {
  private readonly free = new Map<number, GPUBuffer[]>()

  constructor(private readonly device: GPUDevice) {}

  /** A buffer of at least that many bytes. */
  take(bytes: number): GPUBuffer {
    const size = Math.max(SMALLEST_READ, 2 ** Math.ceil(Math.log2(bytes)))
    return (
      this.free.get(size)?.pop() ??
      this.device.createBuffer({ label: 'read back', size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
    )
  }

  /** Returns a buffer that is not mapped. */
  give(buffer: GPUBuffer): void {
    const { size } = buffer
    const others = this.free.get(size) ?? []
    this.free.set(size, others)
    if ((others.length + 1) * size <= KEPT_BYTES) others.push(buffer)
    else buffer.destroy()
  }

  /** Frees the buffers that are not in use. */
  destroy(): void {
    for (const buffers of this.free.values()) for (const buffer of buffers) buffer.destroy()
    this.free.clear()
  }
}
