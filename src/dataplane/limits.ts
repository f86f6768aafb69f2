/**
 * Every limit of the data plane in one place, with how they relate. What is beyond one gets the protocol's own answer.
 */
import assert from "node:assert/strict"
import { maxTransferBytes } from "./scsi/LogicalUnit.ts"

/** Largest data segment that the target takes in one PDU after login (its MaxRecvDataSegmentLength), in bytes. */
export const recvDataSegmentBytesMax = 256 * 1024
/** RFC 7143 section 6.3: during login the default MaxRecvDataSegmentLength of 8,192 bytes holds; in discovery, too. */
export const loginDataSegmentBytesMax = 8192
/** All text of one login, and of one text exchange that is continued over several PDUs (C bit), in bytes. */
export const textExchangeBytesMax = 64 * 1024
/**
 * Work of one turn of the event loop before those who need much wait for the next, in bytes: what is moved, and what
 * else costs as much CPU. A RAM disk moves a MiB in a quarter of a millisecond.
 */
export const turnWorkBytes = 1024 * 1024
/** The same while nobody else is there whom it could keep waiting. */
export const loneTurnWorkBytes = 4 * 1024 * 1024
/** For how many turns one is not taken to be alone after somebody else was there. */
export const sharedTurns = 64
/** What a PDU costs beside the bytes that it moves, in such bytes. */
export const pduWorkBytes = 16 * 1024
/** Who needs less of a turn is never made to wait for another, in such bytes: three small commands. */
export const lightWorkBytes = 64 * 1024
/** What a task management function costs for each session that there is, in such bytes. */
export const sessionWorkBytes = 512
/** What discovery costs for each target that it looks at, in such bytes. */
export const targetWorkBytes = 1024
/** Login requests that one login may take, before it is taken for one that never ends. */
export const loginExchangesMax = 64
/** MaxBurstLength that the target offers, in bytes. */
export const burstBytesMax = 1024 * 1024
/** R2Ts that the target keeps outstanding per task, if the initiator agrees. */
export const outstandingR2tMax = 8
/** Size of the receive buffer that all connections of a reactor share, in bytes. */
export const receiveBufferBytes = 256 * 1024
/** Data of a read that is sent from a RAM disk's memory and not copied before, if that can be; in bytes. */
export const lentBytesMin = 16 * 1024
/** Size of one output buffer, in bytes; a PDU never spans two. */
export const outputBufferBytes = 1024 * 1024
/** Output buffers that a reactor keeps for reuse. */
export const outputBuffersKept = 64
/** The same for a connection without a session: anybody may have one, and it has text to send and little more. */
export const smallOutputBufferBytes = 64 * 1024
/** Small output buffers that a reactor keeps for reuse: logins come many at a time, each with a few answers. */
export const smallOutputBuffersKept = 16
/** Unsent output of one connection beyond which nothing is read from it and no late data are added, in bytes. */
export const unsentBytesMax = 4 * 1024 * 1024
/** The same for a connection without a session, in bytes. */
export const unsentTextBytesMax = 32 * 1024
/** Flushes that may wait in a socket: each costs some hundred bytes beside its data. Beyond it nothing more is read. */
export const unsentFlushesMax = 1024
/** Buffers of commands that wait for data or for a bdev, per connection, in bytes; beyond it there is TASK SET FULL. */
export const taskBufferBytesMax = 64 * 1024 * 1024
/** The same for one LUN over all connections: a disk that hangs must not use up what all others share. */
export const lunTaskBufferBytesMax = 256 * 1024 * 1024
/** Commands that one LUN's disk may have at once, also those that nobody waits for any more. */
export const lunCommandsMax = 4096
/** Buffers over all connections and LUNs of a reactor, in bytes. */
export const reactorTaskBufferBytesMax = 1024 * 1024 * 1024
/** Commands that a connection may hold beside the command window, for immediate ones. */
export const immediateCommandsMax = 64
/** TCP connections of one reactor, whatever their state, unless the command line says otherwise. */
export const connectionsDefault = 1024
/** What one address may have of that, so that it leaves some for others, unless the command line says otherwise. */
export const connectionsPerAddressDefault = 512
/** Sessions of one address, unless the command line says otherwise: as many as there may be at all. */
export const sessionsPerAddressDefault = 65_535
/** Logins of one address in the long run, per second, unless the command line says otherwise. */
export const loginsPerSecondDefault = 500
/** How much of that may come at once, in seconds' worth: all sessions of a host that has booted. */
export const loginBurstSeconds = 10
/** Attempts of one address to prove itself by CHAP that may go wrong at once, before others wait. */
export const chapFailuresBurst = 64
/** The same in the long run, per second: a year of guessing is not 2^25 guesses. */
export const chapFailuresPerSecond = 1
/** Addresses that are remembered, connected or not. */
export const peersMax = 16_384
/** Connections that a portal holds back while it does not accept yet. */
export const heldConnectionsMax = 64
/** From accept to full feature phase, in milliseconds. */
export const loginTimeoutMillis = 30_000
/** How long a discovery session may ask nothing, in milliseconds. */
export const discoveryIdleTimeoutMillis = 60_000
/** Pings of the target that an initiator may leave unanswered, while it is heard otherwise. */
export const pingsOutstandingMax = 8
/** From a logout response to the initiator's close, in milliseconds. */
export const logoutCloseTimeoutMillis = 5_000
/** From the logout request of a target that is deleted to its cutting the connection, in milliseconds. */
export const logoutRequestTimeoutMillis = 20_000
/** The same for a logout that a user asks for, as in SPDK. */
export const requestedLogoutTimeoutMillis = 30_000
/** How long a task management function may wait for the commands that it aborts, in milliseconds. */
export const taskManagementTimeoutMillis = 10_000
/** Task management functions of one connection that may wait for commands; beyond it they are rejected. */
export const pendingFunctionsMax = 256
/** How long a PERSISTENT RESERVE OUT waits for the log, in milliseconds: less than initiators wait for a command. */
export const reservationTimeoutMillis = 20_000
/** PERSISTENT RESERVE OUT of a reactor that wait for the log; more get BUSY. */
export const reservationsAskedMax = 1024
/** PERSISTENT RESERVE OUT of one nexus at once; more get BUSY. */
export const reservationsAskedBurst = 256
/** The same in the long run, per second. */
export const reservationsAskedPerSecond = 8
/** How long the end of a disk waits for operations on its file, in milliseconds. */
export const fileCloseTimeoutMillis = 1_000
/** How long the end of a RAM disk that a file keeps waits until its content is there, in milliseconds. */
export const contentSaveTimeoutMillis = 40_000
/** How long a connection waits with a command for those before it, which come by other connections; in milliseconds. */
export const missingCommandTimeoutMillis = 30_000
/** What a connection is counted with in the budget of memory, in bytes: its objects, and its socket's. */
export const connectionBytes = 16 * 1024
/** The same for a session, with the objects of its commands. */
export const sessionBytes = 16 * 1024
/** What is recorded of a connection, unless the command line says otherwise: its last PDUs, and bytes of their data. */
export const recorderDefault: { readonly pdus: number; readonly dataBytes: number } = { pdus: 512, dataBytes: 0 }
/** What the recorder of one connection has at most, whatever it is asked to record, in bytes. */
export const recorderBytesMax: number = 4 * 1024 * 1024
/** What pools keep and nobody has needed for so long is given back to the operating system, in milliseconds. */
export const poolTrimMillis = 5_000
/** How often connections are looked over for these times, in milliseconds. */
export const housekeepingMillis = 1_000

assert(loginDataSegmentBytesMax <= recvDataSegmentBytesMax)
assert(outputBufferBytes > recvDataSegmentBytesMax + 48, "a PDU fits an output buffer")
assert(smallOutputBufferBytes > loginDataSegmentBytesMax + 48, "a PDU of text fits a small one")
assert(burstBytesMax % 4096 === 0, "bursts end at block boundaries")
assert(taskBufferBytesMax >= 4 * maxTransferBytes, "a few of the largest commands run side by side")
assert(lunTaskBufferBytesMax >= taskBufferBytesMax)
assert(reactorTaskBufferBytesMax >= 4 * lunTaskBufferBytesMax)
