/** A login as libiscsi sends it, captured from iscsi-inq (libiscsi 1.19), and the target's answer to the byte. */
import { assert, describe, it } from "vitest"
import { readLoginRequest } from "../../../src/dataplane/iscsi/pdu/login.ts"
import { parseTextPairs } from "../../../src/dataplane/iscsi/text-keys.ts"
import { addTarget, ramDisk, TestNode, TestPeer } from "./fixture.ts"
import { hex } from "./pdu/wire-bytes.ts"

const captured = hex(`
  438700000000019b8092504d0000000014cf65a7000000005d7bd4700000000100000000000000000000000000000000
  496e69746961746f724e616d653d69716e2e323032342d30312e746573743a63617074757265005461726765744e616d
  653d69716e2e323031362d30362e696f2e7370646b3a6469736b310053657373696f6e547970653d4e6f726d616c0048
  65616465724469676573743d4e6f6e652c43524333324300446174614469676573743d4e6f6e6500496e697469616c52
  32543d4e6f00496d6d656469617465446174613d596573004d617842757273744c656e6774683d323632313434004669
  72737442757273744c656e6774683d3236323134340044656661756c7454696d6532576169743d320044656661756c74
  54696d653252657461696e3d30004d61784f75747374616e64696e675232543d31004572726f725265636f766572794c
  6576656c3d300049464d61726b65723d4e6f004f464d61726b65723d4e6f004d6178436f6e6e656374696f6e733d3100
  4d617852656376446174615365676d656e744c656e6774683d3236323134340044617461504455496e4f726465723d59
  6573004461746153657175656e6365496e4f726465723d5965730000
`)

describe("libiscsi's login", () => {
  it("is read as it was meant", () => {
    assert.deepStrictEqual(readLoginRequest(captured, 0), {
      transit: true,
      continues: false,
      currentStage: 1,
      nextStage: 3,
      versionMin: 0,
      isid: "8092504d0000",
      tsih: 0,
      initiatorTaskTag: 0x14cf65a7,
      cid: 0,
      cmdSn: 0x5d7bd470
    })
    const pairs = parseTextPairs(captured.subarray(48, 48 + 0x19b))
    assert.isFalse("problem" in pairs)
    if ("problem" in pairs) return
    assert.lengthOf(pairs, 19)
    assert.deepStrictEqual(pairs[0], ["InitiatorName", "iqn.2024-01.test:capture"])
    assert.deepStrictEqual(pairs.at(-1), ["DataSequenceInOrder", "Yes"])
  })

  it("is answered to the byte", () => {
    const node = new TestNode()
    addTarget(node, { 0: ramDisk() })
    const peer = new TestPeer(node)
    peer.bytes(captured)
    const answer = Buffer.concat(peer.socket.sent)
    const text = [
      "TargetPortalGroupTag=1",
      "HeaderDigest=None",
      "DataDigest=None",
      "InitialR2T=No",
      "ImmediateData=Yes",
      "MaxBurstLength=262144",
      "DefaultTime2Wait=2",
      "DefaultTime2Retain=0",
      "MaxOutstandingR2T=1",
      "ErrorRecoveryLevel=0",
      "IFMarker=No",
      "OFMarker=No",
      "MaxConnections=1",
      "DataPDUInOrder=Yes",
      "DataSequenceInOrder=Yes",
      "FirstBurstLength=65536",
      "MaxRecvDataSegmentLength=262144",
      ""
    ].join("\0")
    const header = hex(`
      2387000000000000 8092504d00000001 14cf65a700000000
      000000015d7bd470 5d7bd48f00000000 0000000000000000`)
    header.writeUIntBE(text.length, 5, 3)
    const padding = Buffer.alloc(-text.length & 3)
    assert.strictEqual(String(answer.subarray(48)), text + String(padding))
    assert.deepStrictEqual(answer.subarray(0, 48), header)
    assert.deepStrictEqual(node.told, ["opened iqn.2024-01.test:capture"])
  })
})
