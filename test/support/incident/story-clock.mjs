/**
 * Loaded before a program (`node --import`): its calendar is STORY_OFFSET_MILLIS ahead of the machine's, so that what
 * happens in seconds now has happened on the night of the story. Nothing else changes: a second is a second.
 */
const offset = Number(process.env.STORY_OFFSET_MILLIS ?? 0)
const RealDate = Date

globalThis.Date = class StoryDate extends RealDate {
  constructor(...time) {
    if (time.length === 0) super(RealDate.now() + offset)
    else super(...time)
  }

  static now() {
    return RealDate.now() + offset
  }
}
