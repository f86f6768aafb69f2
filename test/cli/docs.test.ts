/** The documents name what is there: every RPC method, every key of a configuration, every command. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Schema } from "effect"
import { Completions } from "effect/cli"
import { assert, describe, it } from "vitest"
import { rootCommand } from "../../src/cli/lunlog-command.ts"
import {
  AuthGroupSection,
  DelaySection,
  ErrorSection,
  InitiatorGroupSection,
  LunSection,
  MallocSection,
  MapSection,
  NativeConfig,
  NullSection,
  OptionsSection,
  PortalGroupSection,
  RedirectSection,
  SecretSection,
  TargetSection
} from "../../src/config/native-schema.ts"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import { projectDirectory } from "../support/target-process.ts"

const read = (name: string): string => readFileSync(join(projectDirectory, name), "utf8")

const keysOf = (section: { readonly fields: Schema.Struct.Fields }): ReadonlyArray<string> =>
  Object.keys(section.fields)

describe("docs/rpc.md", () => {
  const text = read("docs/rpc.md")
  const names = allMethods.map(({ name }) => name)

  it("has every method", () => {
    assert.deepStrictEqual(
      names.filter((name) => !text.includes(`\`${name}\``)),
      []
    )
  })

  it("has no method that is not there", () => {
    const mentioned = [...text.matchAll(/`((?:bdev|iscsi|framework|spdk|rpc|scsi|lunlog|eventlog)_[a-z_]+)`/g)]
    assert.deepStrictEqual(
      mentioned
        .map(([, name]) => name)
        .filter((name) => name !== undefined && name !== "bdev_name" && !names.includes(name)),
      []
    )
  })
})

describe("docs/config.md", () => {
  it("has every section and key", () => {
    const text = read("docs/config.md")
    const sections = [
      OptionsSection,
      MallocSection,
      NullSection,
      DelaySection,
      ErrorSection,
      AuthGroupSection,
      SecretSection,
      PortalGroupSection,
      InitiatorGroupSection,
      TargetSection,
      MapSection,
      LunSection,
      RedirectSection
    ]
    const keys = [...keysOf(NativeConfig), ...sections.flatMap(keysOf)]
    assert.deepStrictEqual(
      keys.filter((key) => !new RegExp(`\`[^\`\\n]*\\b${key}\\b[^\`\\n]*\`|^## ${key}$`, "mu").test(text)),
      []
    )
  })
})

describe("docs/cli.md", () => {
  const text = read("docs/cli.md")

  const missing = (command: Completions.CommandDescriptor, path: string): ReadonlyArray<string> => {
    if (command.subcommands.length > 0) {
      return command.subcommands.flatMap((one) => missing(one, path === "" ? one.name : `${path} ${one.name}`))
    }
    const flags = command.flags.map(({ name }) => name).filter((name) => name !== "log-level" || path === "serve")
    return [
      ...(text.includes(path) ? [] : [path]),
      ...flags.flatMap((name) => (text.includes(`--${name}`) ? [] : [`--${name} of ${path}`]))
    ]
  }

  it("has every command and every flag", () => {
    assert.deepStrictEqual(missing(Completions.fromCommand(rootCommand(assert.fail)), ""), [])
  })

  it("leads to headings that are there", () => {
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^a-z0-9_ -]/g, "")
        .replaceAll(" ", "-")
    )
    const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, link]) => link)
    assert.isAbove(links.length, 5)
    assert.deepStrictEqual(
      links.filter((link) => link !== undefined && !headings.includes(link)),
      []
    )
  })
})

describe("the README", () => {
  it("begins with the two commands", () => {
    assert.match(read("README.md"), /^# lunlog\n\n```\nnpm install && npm start\nnpm install && npm test\n```\n/)
  })
})
