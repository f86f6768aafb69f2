/** `node test/bench/support/write-docs.ts`: tables and charts of the docs, made anew from the committed results. */
import { writeGenerated } from "./documents.ts"

for (const path of writeGenerated()) process.stdout.write(`wrote ${path}\n`)
