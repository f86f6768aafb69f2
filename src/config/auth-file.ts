/**
 * The auth file of SPDK (`auth_file` of `iscsi_set_options`, `AuthFile` of iscsi.conf): CHAP secrets in INI text, one
 * section for each auth group.
 *
 *     [AuthGroup1]
 *       Auth "host" "secret"                         # no comment: a # only counts at the beginning of a line
 *       Auth "host2" "secret2" "target" "secret3"
 *
 * Other sections and keys are ignored, as SPDK does. No problem that is told repeats a secret.
 */
import { Result } from "effect"
import { type IniKey, type IniSection, iniKeys, readIni } from "./ini.ts"

/** One `Auth` line. */
export interface AuthFileSecret {
  readonly line: number
  readonly user: string
  readonly secret: string
  /** What the target answers with, if it is asked to prove itself. */
  readonly muser?: string
  readonly msecret?: string
}

/** One section. */
export interface AuthFileGroup {
  readonly line: number
  readonly tag: number
  readonly secrets: ReadonlyArray<AuthFileSecret>
}

interface Problem {
  readonly line: number
  readonly message: string
}

const readSecret = ({ line, values }: IniKey): Result.Result<AuthFileSecret, Problem> => {
  const [user = "", secret = "", muser, msecret] = values
  if (values.length === 2) return Result.succeed({ line, user, secret })
  if (values.length === 4 && muser !== undefined && msecret !== undefined) {
    return Result.succeed({ line, user, secret, muser, msecret })
  }
  const hint = "give user and secret, or user, secret, mutual user and mutual secret"
  const message = `Auth has ${values.length} values; ${hint}`
  return Result.fail({ line, message })
}

const readGroup = (section: IniSection, problems: Array<Problem>): AuthFileGroup => {
  const secrets: Array<AuthFileSecret> = []
  if (section.number === 0) {
    const message = `[${section.name}] has no number; write [AuthGroup1], since 0 stands for no group`
    problems.push({ line: section.line, message })
  }
  for (const key of iniKeys(section, "Auth")) {
    const secret = readSecret(key)
    if (Result.isFailure(secret)) {
      problems.push(secret.failure)
      continue
    }
    const { line, user } = secret.success
    const first = secrets.find((other) => other.user === user)
    if (first === undefined) secrets.push(secret.success)
    else {
      const message = `user ${JSON.stringify(user)} has a secret already, in line ${first.line}; give each user one`
      problems.push({ line, message })
    }
  }
  return { line: section.line, tag: section.number, secrets }
}

/** The groups of a file, or every problem as `NAME:LINE message`. */
export const readAuthFile = (
  name: string,
  source: string
): Result.Result<ReadonlyArray<AuthFileGroup>, ReadonlyArray<string>> => {
  const { problems: broken, sections } = readIni(source)
  const problems: Array<Problem> = [...broken]
  const groups: Array<AuthFileGroup> = []
  for (const section of sections.filter(({ kind }) => kind.startsWith("authgroup"))) {
    const group = readGroup(section, problems)
    const first = groups.find((other) => other.tag === group.tag)
    if (first === undefined) groups.push(group)
    else {
      const message = `auth group ${group.tag} is there already, in line ${first.line}; give each group once`
      problems.push({ line: group.line, message })
    }
  }
  if (problems.length === 0) return Result.succeed(groups)
  const sorted = problems.toSorted((a, b) => a.line - b.line)
  return Result.fail(sorted.map(({ line, message }) => `${name}:${line} ${message}`))
}
