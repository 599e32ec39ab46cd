/** @file Errors that the command line explains to the user, and the wording of the operating system's errors. */

/** An error that the user can fix. The command line prints only its message, without a stack trace. */
export class UserError extends Error {
  override name = 'UserError'
}

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const reasons: Record<string, string> = {
  EACCES: 'permission is denied',
  EPERM: 'it is not permitted',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
}

/** Path and reason of an error of the operating system, in words; null for other errors. */
export function systemProblem(error: unknown): string | null {
  const { code = '', path, dest } = (error ?? {}) as NodeJS.ErrnoException & { dest?: string }
  const reason = reasons[code]
  const where = dest ?? path
  // files are written under a temporary name first: name the final one
  return reason && where ? `${where.replace(/\.\d+\.part$/, '')}: ${reason}` : null
}
