/** The documents name what is there: every RPC method, every key of a configuration, every command. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Schema } from "effect"
import { Completions } from "effect/cli"
import { assert, describe, it } from "vitest"
import { rootCommand } from "../../src/cli/lunlog-command.ts"
import {
  AuthGroupSection,
  DelaySection,
  ErrorSection,
  InitiatorGroupSection,
  KeepSection,
  LogSection,
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
} from "../../src/config/native/native-schema.ts"
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
      LogSection,
      KeepSection,
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
  // The commands on the log have a page of their own.
  const text = read("docs/cli.md") + read("docs/log.md")

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
})

describe("the README", () => {
  it("begins with the two commands", () => {
    assert.match(read("README.md"), /^# lunlog\n\n```\nnpm install && npm start\nnpm install && npm test\n```\n/)
  })
})

describe("the documents", () => {
  const pages = readdirSync(join(projectDirectory, "docs"), { recursive: true, encoding: "utf8" })
    .filter((page) => page.endsWith(".md"))
    .map((page) => join("docs", page))
  const anchorsOf = (page: string) =>
    [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    )

  it("link to pages and headings that are there", () => {
    const links = ["README.md", ...pages].flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => ({ page, link }))
    )
    assert.isAbove(links.length, 80)
    const broken = links.filter(({ link, page }) => {
      if (/^https?:/.test(link)) return false
      const [path = "", anchor] = link.split("#")
      const linked = path === "" ? page : join(dirname(page), path)
      if (!existsSync(join(projectDirectory, linked))) return true
      return anchor !== undefined && !anchorsOf(linked).includes(anchor)
    })
    assert.deepStrictEqual(broken, [])
  })

  it("are all in the reading order, or in that of the guide", () => {
    const order = (index: string) =>
      [...read(index).matchAll(/\]\(([^)\s#]+)/g)].map(([, link = ""]) => join(dirname(index), link))
    const named = [...order("docs/README.md"), ...order("docs/guide/README.md")].map((page) =>
      page.endsWith("/") ? `${page}README.md` : page
    )
    assert.deepStrictEqual(
      pages.filter((page) => page !== "docs/README.md" && !named.includes(page)),
      []
    )
  })
})
