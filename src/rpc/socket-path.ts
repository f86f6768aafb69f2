/** Where the control socket is, in a file of its own: who only connects to it need not load the server. */

/** Where SPDK's tools look. */
export const defaultSocketPath = "/var/tmp/spdk.sock"
