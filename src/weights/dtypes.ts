/** @file Element types of stored tensors, and their conversion from bytes. All supported formats are little-endian. */

export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Bytes per element of every supported type, by its name in safetensors. */
export const byteSizes = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const

export type Dtype = keyof typeof byteSizes

export const isDtype = (name: unknown): name is Dtype => typeof name === 'string' && Object.hasOwn(byteSizes, name)

/** The type under which an array is stored. */
export function dtypeOf(data: NumberArray): Dtype {
  if (data instanceof Float32Array) return 'F32'
  if (data instanceof Float64Array) return 'F64'
  if (data instanceof Int8Array) return 'I8'
  if (data instanceof Uint8Array) return 'U8'
  if (data instanceof Int16Array) return 'I16'
  if (data instanceof Uint16Array) return 'U16'
  if (data instanceof Int32Array) return 'I32'
  if (data instanceof Uint32Array) return 'U32'
  return data instanceof BigInt64Array ? 'I64' : 'U64'
}

/** Stored bytes as a typed array: f16 and bf16 become f32, every other type is kept. */
export function decode(bytes: Uint8Array, dtype: Dtype): NumberArray {
  const { buffer, byteOffset, length } = aligned(bytes, byteSizes[dtype])
  const count = length / byteSizes[dtype]
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, count)
    case 'F32':
      return new Float32Array(buffer, byteOffset, count)
    case 'F16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, count), halfToNumber)
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, count))
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, count)
    case 'U64':
      return new BigUint64Array(buffer, byteOffset, count)
    case 'I32':
      return new Int32Array(buffer, byteOffset, count)
    case 'U32':
      return new Uint32Array(buffer, byteOffset, count)
    case 'I16':
      return new Int16Array(buffer, byteOffset, count)
    case 'U16':
      return new Uint16Array(buffer, byteOffset, count)
    case 'I8':
      return new Int8Array(buffer, byteOffset, count)
    case 'U8':
      return new Uint8Array(buffer, byteOffset, count)
    case 'BOOL':
      // any byte but 0 is true
      return Uint8Array.from(new Uint8Array(buffer, byteOffset, count), (byte) => (byte ? 1 : 0))
  }
}

/** Numbers of any type as f32. */
export function toFloat32(data: NumberArray): Float32Array {
  if (data instanceof Float32Array) return data
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data as never, Number)
  return Float32Array.from(data)
}

/** The bytes, copied if they are not aligned to `size`. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size ? bytes.slice() : bytes
}

/** The values of bf16 numbers: the upper halves of f32. */
function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16
  return new Float32Array(wide.buffer)
}

/** The value of an IEEE 754 half-precision float. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction)
}
