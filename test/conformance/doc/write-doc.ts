/** `npm run conformance-doc`: writes docs/conformance.md. */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectDirectory } from "../../support/target-process.ts"
import { conformanceDoc } from "./conformance-doc.ts"

const path = join(projectDirectory, "docs/conformance.md")
writeFileSync(path, conformanceDoc())
spawnSync("npx", ["biome", "format", "--write", path], { cwd: projectDirectory, stdio: "inherit" })
