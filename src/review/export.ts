/** @file stub */
import type { ExportReply } from './protocol'
export async function exportDataset(_dir: string): Promise<ExportReply> {
  throw new Error('not yet')
}
