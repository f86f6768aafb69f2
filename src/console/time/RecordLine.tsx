/** A record that is named beside others: when, what, and who asked for it. */

import { linkTo } from "../route.ts"
import type { RecordBrief } from "../rpc/history-methods.ts"
import type { Cause } from "../rpc/log-methods.ts"
import { TroubleSign } from "./TroubleSign.tsx"
import { When } from "./When.tsx"

/** Who asked for it, as `lunlog log tail` has it in parentheses. */
export const causeText = ({ actor, method, source }: Cause): string =>
  [source, ...(actor === "local" || actor === source ? [] : [actor]), ...(method === undefined ? [] : [method])].join(
    " "
  )

/** One line; its number leads to the record. */
export const RecordLine = ({ record }: { readonly record: RecordBrief }) => (
  <span class="record-line" data-kind={record.kind} data-trouble={record.trouble}>
    <a class="numbers" href={linkTo.record(record.seq)} aria-label={`Record ${record.seq}`}>
      {record.seq}
    </a>{" "}
    <When at={record.at} />{" "}
    <span class="what">
      {record.trouble ? <TroubleSign /> : null}
      {record.text}
    </span>{" "}
    <span class="muted">({causeText(record.cause)})</span>
  </span>
)
