/** All methods as command lines, and how to find one. */
import { closest } from "../../../config/native/closest.ts"
import { bdevForms } from "./bdev-forms.ts"
import { eventlogForms } from "./eventlog-forms.ts"
import { historyForms } from "./history-forms.ts"
import { incidentForms } from "./incident-forms.ts"
import { inertForms } from "./inert-forms.ts"
import { iscsiForms } from "./iscsi-forms.ts"
import type { MethodForm } from "./MethodForm.ts"
import { nvmeForms } from "./nvme-forms.ts"
import { processForms } from "./process-forms.ts"
import { replayForms } from "./replay-forms.ts"

/** Every method; a test compares them with those that the server has. */
export const methodForms: ReadonlyArray<MethodForm> = [
  ...iscsiForms,
  ...bdevForms,
  ...nvmeForms,
  ...processForms,
  ...replayForms,
  ...incidentForms,
  ...eventlogForms,
  ...historyForms,
  ...inertForms
]

const byName = new Map(methodForms.flatMap((form) => [form.method, ...form.aliases].map((name) => [name, form])))

/** By its name, or an old one. */
export const findMethodForm = (name: string): MethodForm | undefined => byName.get(name)

/** What was probably meant. */
export const likeliestMethod = (name: string): string | undefined =>
  closest(
    name,
    methodForms.map(({ method }) => method)
  )
