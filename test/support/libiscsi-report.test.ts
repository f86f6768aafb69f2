/** What iscsi-test-cu prints must be read right: a skip that counted as a pass would hide a lost feature. */
import { assert, it } from "vitest"
import { parseTestRun } from "./libiscsi-report.ts"

const printed = `
Suite: Inquiry
  Test: Standard ...passed
  Test: BlockLimits ...    [SKIPPED] Logical unit is fully provisioned. Skipping test
passed
  Test: EVPD ...    [FAILED] INQUIRY command failed with sense. HARDWARE_ERROR(4)
FAILED
    1. test_inquiry_evpd.c:40  - CU_FAIL("test failed")
Suite: iSCSIdatasn
  Test: iSCSIDataSnInvalid ...FAILED
    1. test_iscsi_datasn_invalid.c:98  - CU_ASSERT_NOT_EQUAL(ret,0)
  Test: iSCSIDataSnOk ...    [FAILED] WRITE10 command failed, as the test wants it
passed    [SKIPPED] PERSISTENT RESERVE IN is not implemented.

Suite: Write10
  Test: DpoFua ...passed    [SKIPPED] PERSISTENT RESERVE IN is not implemented.
  Test: Hangs ...
`

it("tells passed, skipped, failed and unfinished tests apart, with the reason", () => {
  assert.deepStrictEqual(
    parseTestRun(printed).map(({ suite, name, status, reason }) =>
      `${suite}.${name} ${status} ${status === "pass" ? "" : reason}`.trim()
    ),
    [
      "Inquiry.Standard pass",
      "Inquiry.BlockLimits skip Logical unit is fully provisioned. Skipping test",
      'Inquiry.EVPD fail test_inquiry_evpd.c:40  - CU_FAIL("test failed")',
      "iSCSIdatasn.iSCSIDataSnInvalid fail test_iscsi_datasn_invalid.c:98  - CU_ASSERT_NOT_EQUAL(ret,0)",
      "iSCSIdatasn.iSCSIDataSnOk pass",
      "Write10.DpoFua pass",
      "Write10.Hangs unfinished"
    ]
  )
})
