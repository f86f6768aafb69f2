/** Where state goes when nobody says, for users with and without a home. */
import { homedir } from "node:os"
import { afterEach, assert, describe, it, vi } from "vitest"
import { defaultStateDirectory } from "../../src/cli/state-directory.ts"

vi.mock("node:os", async (original) => ({ ...(await original<typeof import("node:os")>()), homedir: vi.fn() }))

const directoryFor = (uid: number, stateHome: string | undefined, home: () => string): string => {
  vi.spyOn(process, "getuid").mockReturnValue(uid)
  vi.stubEnv("XDG_STATE_HOME", stateHome)
  vi.mocked(homedir).mockImplementation(home)
  return defaultStateDirectory()
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

const noHome = (): string => {
  throw new Error("uv_os_homedir returned ENOENT")
}

describe("the default state directory", () => {
  it.each([
    [0, "/x", () => "/root", "/var/lib/lunlog"],
    [1000, undefined, () => "/home/me", "/home/me/.local/state/lunlog"],
    [1000, "", () => "/home/me", "/home/me/.local/state/lunlog"],
    [1000, "/state", () => "/home/me", "/state/lunlog"],
    // A container's numeric user has no entry in /etc/passwd; commands that need no state must work all the same.
    [1000, undefined, noHome, "/var/lib/lunlog"],
    [1000, "/state", noHome, "/state/lunlog"],
    // Nothing that depends on where the program was started.
    [1000, undefined, () => "", "/var/lib/lunlog"],
    [1000, "state", () => "/home/me", "/home/me/.local/state/lunlog"]
  ] as const)("of user %i with XDG_STATE_HOME %j is absolute (%#)", (uid, stateHome, home, expected) => {
    assert.strictEqual(directoryFor(uid, stateHome, home), expected)
  })
})
