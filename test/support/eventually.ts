/** @file Waits for what happens soon, on however slow a machine, instead of for a fixed time. */

/** Repeats a check until it passes. @throws what it threw last, after 20 seconds */
export async function eventually(check: () => unknown): Promise<void> {
  for (const began = performance.now(); ; await new Promise((resolve) => setTimeout(resolve, 5))) {
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() - began > 20_000) throw error
    }
  }
}
