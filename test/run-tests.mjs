/**
 * `npm test`: everything that must hold, from a fresh clone.
 *
 *   npm test                     types, lint, unit suites, suites with real initiators
 *   npm test -- test/eventlog    only the test files whose path contains this
 *   npm run test:long -- --seed 7
 *
 * Runs on Node 20 too, to say what is missing. Installs the Debian packages that bring the real initiators when it is
 * root on a system with apt (LUNLOG_NO_INSTALL=1: not); otherwise says which suites were skipped and the command that
 * enables them. LUNLOG_REQUIRE_INTEROP=1 makes a skipped interop suite a failure, unless the kernel refuses what it
 * needs, as in most containers. Ends with one line: `N passed, N failed, N skipped`.
 */
import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const nodeMajorMin = 24
/** A vitest run that takes longer hangs; the whole of `npm test` has a budget of 5 minutes. */
const runMillisMax = 20 * 60_000
const longRunMillisMax = 6 * 3600_000
const mustHaveInterop = process.env.LUNLOG_REQUIRE_INTEROP === "1"

const say = (text) => process.stdout.write(`${text}\n`)
const die = (text) => {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}

/** The Node that the tests run on: this one if it is new enough, else the checkout's own. */
const findNode = () => {
  if (Number(process.versions.node.split(".")[0]) >= nodeMajorMin) return process.execPath
  const own = join(root, "node_modules/.bin/node")
  const version = existsSync(own) ? spawnSync(own, ["--version"], { encoding: "utf8" }).stdout?.trim() : undefined
  if (version !== undefined && Number(version.slice(1).split(".")[0]) >= nodeMajorMin) return own
  return die(
    `lunlog needs Node ${nodeMajorMin} or newer; this is ${process.version} and the checkout has none of its own.\n` +
      "Run `npm install` here (it brings Node 24 for Linux and macOS as an optional dependency: not with\n" +
      "--omit=optional), or install Node 24 from https://nodejs.org."
  )
}

const node = findNode()
/**
 * tgt, a peer that the tests' own clients are checked against, unpacked here: its package would start a service on port
 * 3260.
 */
const tgtFolder = join(root, ".cache/tgt")
/** promtool, which comes with a server that is started by its package: it alone is taken out. */
const prometheusFolder = join(root, ".cache/prometheus")
const environment = {
  ...process.env,
  PATH: [
    join(root, "node_modules/.bin"),
    dirname(node),
    process.env.PATH,
    "/usr/sbin",
    "/sbin",
    join(tgtFolder, "usr/sbin"),
    join(prometheusFolder, "usr/bin")
  ].join(delimiter)
}

/** Runs a command in the checkout with its output shown; true when it succeeded. */
const run = (command, args, options = {}) => {
  const result = spawnSync(command, args, { cwd: root, env: environment, stdio: "inherit", ...options })
  if (result.error !== undefined) process.stderr.write(`${command}: ${result.error.message}\n`)
  return result.status === 0
}

const isInstalled = (tool) =>
  environment.PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const missingPackages = () => {
  const tools = JSON.parse(readFileSync(join(root, "test/support/tools.json"), "utf8"))
  const missing = Object.keys(tools).filter((tool) => !isInstalled(tool))
  const drivers = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map((triplet) => `/usr/lib/${triplet}/qemu/block-iscsi.so`)
  return [
    ...new Set(missing.map((tool) => tools[tool])),
    ...(drivers.some((path) => existsSync(path)) ? [] : ["qemu-block-extra"])
  ]
}

const mayInstall = process.getuid?.() === 0 && isInstalled("apt-get") && process.env.LUNLOG_NO_INSTALL !== "1"
const aptInstall = ["-y", "-q", "--no-install-recommends", "install"]

/** Installs what the real initiators need, or says how to. */
const preparePackages = () => {
  const missing = missingPackages()
  if (missing.length === 0) return
  const install = [...aptInstall, ...missing]
  const advice = `apt-get ${install.join(" ")}`
  if (mayInstall) {
    say(`Installing Debian packages for the suites with real initiators: ${missing.join(" ")}`)
    const apt = { env: { ...environment, DEBIAN_FRONTEND: "noninteractive" }, stdio: ["ignore", "ignore", "inherit"] }
    const lock = ["-o", "DPkg::Lock::Timeout=120"]
    run("apt-get", ["-q", ...lock, "update"], apt)
    if (run("apt-get", [...lock, ...install], apt)) return
  }
  say(`Missing: ${missing.join(" ")}. The suites that need them will be skipped; this enables them:\n  sudo ${advice}`)
}

const output = (command, args, options = {}) => spawnSync(command, args, { encoding: "utf8", ...options })

/** Downloads a Debian package without installing it; where it is, if it could be had. */
const downloadPackage = (name, folder) => {
  mkdirSync(folder, { recursive: true })
  output("apt-get", ["-o", "APT::Sandbox::User=root", "download", name], { cwd: folder })
  const archive = readdirSync(folder).find((file) => file.endsWith(".deb"))
  return archive === undefined ? undefined : join(folder, archive)
}

/** Unpacks promtool where it is missing. */
const preparePromtool = () => {
  if (isInstalled("promtool") || !mayInstall) return
  const archive = downloadPackage("prometheus", prometheusFolder)
  if (archive === undefined) return
  const unpack = 'dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" ./usr/bin/promtool'
  run("sh", ["-c", unpack, archive, prometheusFolder])
  rmSync(archive)
}

/** Unpacks tgt where it is missing; with the libraries that it needs, if this process may install them. */
const prepareTgt = () => {
  if (isInstalled("tgtd") || !mayInstall) return
  const archive = downloadPackage("tgt", tgtFolder)
  if (archive === undefined || !run("dpkg-deb", ["-x", archive, tgtFolder])) return
  const depends = output("dpkg-deb", ["-f", archive, "Depends"]).stdout ?? ""
  const libraries = depends.match(/\blib(?!c6|config)[a-z0-9]+/g) ?? []
  run("apt-get", [...aptInstall, ...libraries], { stdio: ["ignore", "ignore", "inherit"] })
}

/** The Linux guest is built before the tests, so that no test's time limit has to cover a download. */
const prepareGuest = () => {
  if (process.arch !== "x64" || !isInstalled("qemu-system-x86_64") || !isInstalled("apt-get")) return
  run("test/interop/linux-initiator/linux-initiator", ["build"])
}

const totals = { passed: 0, failed: 0, skipped: 0 }
/** What has failed, said again at the very end: whoever sees the end of a long output sees the reason. */
const failures = []

/** One check that is no test run, such as the type check. */
const check = (name, command, args) => {
  const ok = run(command, args)
  totals[ok ? "passed" : "failed"]++
  if (!ok) failures.push(name)
  say(`${ok ? "ok  " : "FAIL"} ${name}`)
}

const isSkipped = (test) => !["passed", "failed"].includes(test.status)
/** Skipped with a reason that no package can help with. */
const isRefusedByKernel = ({ fullName }) =>
  /\(skipped: (?:loop devices cannot be had|no mounts in a user namespace) here:/u.test(fullName)

const excerptLines = 8
/** The first lines of what a failed test says. */
const excerptOf = (text) =>
  text
    .split("\n")
    .slice(0, excerptLines)
    .map((line) => `    ${line}`)
    .join("\n")

/** Adds a run's results to the totals; a run without results is a failure. */
const count = (report, ok) => {
  const tests = report.testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({ ...test, file: file.name }))
  )
  const passed = tests.filter((test) => test.status === "passed").length
  const failedTests = tests.filter((test) => test.status === "failed")
  const failed = failedTests.length
  const skipped = tests.filter(isSkipped)
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")
  )
  const brokenFiles = broken.length
  const unwanted = mustHaveInterop
    ? skipped.filter((test) => test.file.includes("/test/interop/") && !isRefusedByKernel(test))
    : []
  for (const { failureMessages, file, fullName } of failedTests) {
    failures.push(`${relative(root, file)}: ${fullName}\n${excerptOf(failureMessages?.join("\n") ?? "")}`)
  }
  for (const { message, name } of broken) failures.push(`${relative(root, name)}\n${excerptOf(message ?? "")}`)
  for (const { file, fullName } of unwanted) failures.push(`${relative(root, file)}: ${fullName} was skipped`)
  for (const test of skipped) say(`skipped: ${relative(root, test.file)}: ${test.fullName}`)
  totals.passed += passed
  totals.failed += failed + brokenFiles + unwanted.length
  totals.skipped += skipped.length - unwanted.length
  // An error outside any test, such as an unhandled rejection, fails a run whose tests have all passed.
  if (!ok && failed + brokenFiles === 0) {
    totals.failed++
    failures.push("a run whose tests have all passed: an error outside of them, see above")
  }
}

const vitest = (args, extraEnvironment = {}, limitMillis = runMillisMax) => {
  const folder = mkdtempSync(join(tmpdir(), "lunlog-results-"))
  const output = join(folder, "results.json")
  const ok = run(
    node,
    [
      "node_modules/vitest/vitest.mjs",
      "run",
      ...args,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${output}`
    ],
    { env: { ...environment, ...extraEnvironment }, timeout: limitMillis, killSignal: "SIGTERM" }
  )
  try {
    count(JSON.parse(readFileSync(output, "utf8")), ok)
  } catch (error) {
    failures.push(`vitest left no results (${error.message})`)
    totals.failed++
  }
  rmSync(folder, { recursive: true, force: true })
}

/** `--seed N` anywhere among the arguments; a random one otherwise. */
const takeSeed = (args) => {
  const index = args.indexOf("--seed")
  if (index < 0) return String(Math.floor(Math.random() * 2 ** 31))
  const [, seed = ""] = args.splice(index, 2)
  return /^[0-9]{1,10}$/.test(seed) ? seed : die(`--seed takes a whole number, not '${seed}'`)
}

const runLong = (args) => {
  const seed = takeSeed(args)
  say(`Long suites with seed ${seed}; to repeat them: npm run test:long -- --seed ${seed}`)
  vitest([...args, "--passWithNoTests"], { LUNLOG_TEST_LONG: "1", LUNLOG_TEST_SEED: seed }, longRunMillisMax)
}

const runAll = () => {
  preparePackages()
  prepareTgt()
  preparePromtool()
  prepareGuest()
  const tsc = "node_modules/typescript/bin/tsc"
  check("types (tsc --noEmit)", node, [tsc, "--noEmit"])
  check("types of the console (tsc -p tsconfig.console.json)", node, [tsc, "--noEmit", "-p", "tsconfig.console.json"])
  check("lint and format (biome check)", node, ["node_modules/@biomejs/biome/bin/biome", "check", "."])
  vitest(["--exclude", "test/interop/**"])
  vitest(["test/interop/"])
}

const args = process.argv.slice(2)
if (!existsSync(join(root, "node_modules/vitest"))) die("Run `npm install` first: the test tools are not here.")
if (args[0] === "--long") runLong(args.slice(1))
else if (args.length > 0) vitest(args)
else runAll()
for (const failure of failures) say(`\nFAILED ${failure}`)
say(`\n${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ""}`)
process.exit(totals.failed === 0 ? 0 : 1)
