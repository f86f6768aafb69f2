/** Settings without effect: kept, replaced, forgotten with the epoch, and bounded. */
import { assert, describe, it } from "vitest"
import type { Command } from "../../src/domain/Command.ts"
import { INERT_PARAMS_LENGTH_MAX, INERT_SETTINGS_MAX } from "../../src/domain/options/InertSettings.ts"
import { findInertSetting, inertSettingsOf } from "../../src/domain/State.ts"
import { startEpoch } from "./examples.ts"
import { assertSameState, throughSnapshot } from "./invariants.ts"
import { given, historyOf } from "./specification.ts"

const set = (method: string, object: string, params = "{}"): Command => ({
  _tag: "RecordInertSetting",
  method,
  object,
  params
})

const posix = set("sock_impl_set_options", "posix", '{"impl_name":"posix","tls_version":12}')

describe("a setting without effect", () => {
  it("is recorded by method and object, and its last value counts", () => {
    const later = set("sock_impl_set_options", "posix", '{"impl_name":"posix","tls_version":13}')
    const { state } = historyOf(posix, set("sock_impl_set_options", "ssl"), set("vmd_enable", ""), later)
    assert.deepStrictEqual(
      inertSettingsOf(state).map(({ method, object }) => `${method} ${object}`),
      ["sock_impl_set_options posix", "sock_impl_set_options ssl", "vmd_enable "]
    )
    assert.include(findInertSetting(state, "sock_impl_set_options", "posix")?.params, ":13")
    assert.isUndefined(findInertSetting(state, "sock_impl_set_options", "uring"))
  })

  it("is gone when it is removed, and then not there to be removed", () => {
    const ref = { method: "sock_impl_set_options", object: "posix" }
    const remove: Command = { _tag: "RemoveInertSetting", ...ref }
    given(posix)
      .when(remove)
      .givesExactly({ _tag: "InertSettingRemoved", ...ref })
    const other = set("sock_impl_set_options", "ssl")
    assert.deepStrictEqual(
      inertSettingsOf(historyOf(posix, other, remove).state).map(({ object }) => object),
      ["ssl"]
    )
    given(posix, remove)
      .when(remove)
      .refused("NotFound", /setting "sock_impl_set_options posix" is not there/)
  })

  it("that says what is already so is no event", () => {
    given(posix).when(posix).givesExactly()
  })

  it("survives a restart that resumes, through the snapshot too, and no other", () => {
    const { state } = historyOf(startEpoch("resume"), posix, startEpoch("resume"))
    assert.lengthOf(inertSettingsOf(state), 1)
    assertSameState(throughSnapshot(state), state)
    assert.lengthOf(inertSettingsOf(historyOf(startEpoch(), posix, startEpoch("empty")).state), 0)
  })

  it("is refused when it is too long, or no text", () => {
    const { when } = given()
    when(set("a", "", "x".repeat(INERT_PARAMS_LENGTH_MAX + 1))).refused("InvalidArgument", /use at most 16384/)
    when(set("a", "x".repeat(5000))).refused("InvalidArgument", /name that is too long/)
    when(set("a", "\ud800")).refused("InvalidArgument", /half a character/)
  })

  it("is refused when there are too many, unless it replaces one", () => {
    const many = Array.from({ length: INERT_SETTINGS_MAX }, (_, n) => set("log_set_flag", `flag${n}`))
    const { when } = given(...many)
    when(set("vmd_enable", "")).refused("LimitExceeded", /one more than 512/)
    when(set("log_set_flag", "flag7", '{"a":1}')).gives("InertSettingRecorded")
  })
})
