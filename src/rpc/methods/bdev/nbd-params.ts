/** An NBD disk as the parameters of `bdev_nbd_create`: for what is saved, and for what is shown. */
import type { BdevSpec } from "../../../domain/bdev/BdevSpec.ts"
import { removableKey } from "../../../domain/bdev/BdevSpec.ts"

type NbdSpec = Extract<BdevSpec, { readonly _tag: "Nbd" }>

/** Without name and UUID. */
export const nbdParams = (spec: NbdSpec) => {
  const { server, tls } = spec
  return {
    ...("path" in server ? { path: server.path } : { host: server.host, port: server.port }),
    export: spec.exportName,
    block_size: spec.blockSize,
    readonly: spec.readOnly,
    connections: spec.connections,
    ...(tls === undefined
      ? {}
      : {
          tls: true,
          ...(tls.ca === undefined ? {} : { tls_ca: tls.ca }),
          ...(tls.certificate === undefined ? {} : { tls_cert: tls.certificate }),
          ...(tls.key === undefined ? {} : { tls_key: tls.key }),
          ...(tls.serverName === undefined ? {} : { tls_server_name: tls.serverName })
        }),
    reconnect_timeout: spec.reconnectSeconds,
    reply_timeout: spec.replySeconds,
    give_up_after: spec.giveUpSeconds,
    ...removableKey(spec)
  }
}
