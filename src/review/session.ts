/** @file stub */
import type { Size } from '../../engine/sam/transforms'
import type { PromptReply, PromptRequest, SessionReply } from './protocol'
export interface ImageFile {
  name: string
  path: string
}
export class Session {
  constructor(readonly model: NonNullable<SessionReply['model']>) {}
  encoded(_name: string): boolean {
    return false
  }
  encode(_image: ImageFile): Promise<number> {
    throw new Error('not yet')
  }
  encodeAhead(_image: ImageFile): void {}
  prompt(_image: ImageFile, _size: Size, _prompt: PromptRequest): Promise<PromptReply> {
    throw new Error('not yet')
  }
}
