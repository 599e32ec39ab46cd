/** A mistake of the user's that the program can explain: the command line prints its message alone, without a stack. */
export class UserError extends Error {
  override name = 'UserError'
}
