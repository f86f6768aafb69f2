/** The auth file's text: groups and secrets with their lines, and mistakes told without a secret. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { readAuthFile } from "../../src/config/auth-file.ts"

const groupsOf = (...lines: ReadonlyArray<string>) => Result.getOrThrow(readAuthFile("auth.conf", lines.join("\n")))

const problemsOf = (...lines: ReadonlyArray<string>) => {
  const groups = readAuthFile("auth.conf", lines.join("\n"))
  return Result.isFailure(groups) ? groups.failure : []
}

describe("an auth file", () => {
  it("has groups with secrets, each at its line; other sections and keys are passed over", () => {
    const groups = groupsOf(
      "# a comment",
      "[AuthGroup1]",
      '  Comment "lab hosts"',
      '  Auth "hostA" "long secret" "tgt" "other secret"',
      "  Auth hostB another#secret",
      "[Global]",
      "  Auth x",
      "[authgroup2]"
    )
    const mutual = { line: 4, user: "hostA", secret: "long secret", muser: "tgt", msecret: "other secret" }
    const single = { line: 5, user: "hostB", secret: "another#secret" }
    assert.deepStrictEqual(groups, [
      { line: 2, tag: 1, secrets: [mutual, single] },
      { line: 8, tag: 2, secrets: [] }
    ])
  })

  it.each([
    [["[AuthGroup]"], "auth.conf:1 [AuthGroup] has no number; write [AuthGroup1], since 0 stands for no group"],
    [["[AuthGroup1]", "[AuthGroup01]"], "auth.conf:2 auth group 1 is there already, in line 1; give each group once"],
    [["[AuthGroup1]", "Auth u hidden", "Auth u hidden2"], 'auth.conf:3 user "u" has a secret already, in line 2;'],
    [["[AuthGroup1]", "Auth u"], "auth.conf:2 Auth has 1 values; give user and secret, or user, secret, mutual user"],
    [["[AuthGroup1]", "Auth u hidden m"], "auth.conf:2 Auth has 3 values;"],
    [["[AuthGroup1]", "Auth u hidden m hidden x"], "auth.conf:2 Auth has 5 values;"],
    [["Auth u hidden"], 'auth.conf:1 key "Auth" stands in no section; write [Name] above it'],
    [["[AuthGroup1"], 'auth.conf:1 section "[AuthGroup1" is not closed; write [Name] alone on its line']
  ])("with the mistake in %j is told of it", (lines, expected) => {
    const [first = "", ...more] = problemsOf(...lines)
    assert.deepStrictEqual(more, [])
    assert.strictEqual(first.slice(0, expected.length), expected)
    assert.notInclude(first, "hidden")
  })

  it("is told of all mistakes, in the order of its lines", () => {
    const problems = problemsOf("[AuthGroup0]", "Auth u", "[AuthGroup1]", "Auth", "[x")
    assert.deepStrictEqual(
      problems.map((problem) => problem.split(" ")[0]),
      ["auth.conf:1", "auth.conf:2", "auth.conf:4", "auth.conf:5"]
    )
  })
})
