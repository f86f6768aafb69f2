/** The methods of NVMe controllers. */
import { argument, flag, type MethodForm, method, onOff, option, required } from "./MethodForm.ts"
import { integer, integerList, text } from "./value-kinds.ts"

const none = "(no effect)"

const path = [
  option(["f", "adrfam"], text("FAMILY"), none),
  option(["s", "trsvcid"], text("SERVICE"), none),
  option(["n", "subnqn"], text("NQN"), none),
  option(["i", "hostaddr"], text("ADDRESS"), none),
  option(["c", "hostsvcid"], text("SERVICE"), none),
  option(["q", "hostnqn"], text("NQN"), none)
]

const transport = option(["t", "trtype"], text("TRTYPE"), "PCIe; lunlog has no other")
const address = option(["a", "traddr"], text("ADDRESS"), "its PCI address, such as 0000:01:00.0")

const driver = [
  option(["p", "priority"], text("PRIORITY"), none),
  flag(["r", "prchk-reftag"], "refused: there is no protection information"),
  flag(["g", "prchk-guard"], "refused: there is no protection information"),
  flag(["e", "hdgst"], none),
  flag(["d", "ddgst"], none),
  option(["", "fabrics-timeout"], integer("MICROSECONDS"), none, "fabrics_connect_timeout_us"),
  option(["x", "multipath"], text("POLICY"), none),
  option(["", "num-io-queues"], integer("N"), none),
  option(["l", "ctrlr-loss-timeout-sec"], integer("SECONDS"), none),
  option(["o", "reconnect-delay-sec"], integer("SECONDS"), none),
  option(["u", "fast-io-fail-timeout-sec"], integer("SECONDS"), none),
  option(["k", "psk"], text("KEY"), none),
  option(["m", "max-bdevs"], integer("N"), none),
  option(["", "dhchap-key"], text("KEY"), none),
  option(["", "dhchap-ctrlr-key"], text("KEY"), none),
  flag(["U", "allow-unrecognized-csi"], none)
]

/** All of them. */
export const nvmeForms: ReadonlyArray<MethodForm> = [
  method(
    "bdev_nvme_attach_controller",
    "Makes disks of the namespaces of a local NVMe controller.",
    [
      required(option(["b", "name"], text("NAME"), "name of the controller: its disks are NAMEn1 ...")),
      required(transport),
      required(address),
      ...path,
      ...driver,
      option(["", "namespaces"], integerList("IDS"), "only these namespaces become disks (lunlog's own)")
    ],
    { aliases: ["construct_nvme_bdev"], example: "-b Nvme0 -t PCIe -a 0000:01:00.0" }
  ),
  method(
    "bdev_nvme_get_controllers",
    "Lists NVMe controllers.",
    [option(["n", "name"], text("NAME"), "only this one")],
    { aliases: ["get_nvme_controllers"], example: "-n Nvme0" }
  ),
  method(
    "bdev_nvme_detach_controller",
    "Lets an NVMe controller go: its disks drain first.",
    [argument("name", text("NAME"), "name of the controller"), transport, address, ...path],
    { aliases: ["delete_nvme_controller"], example: "Nvme0" }
  ),
  method(
    "bdev_nvme_set_hotplug",
    "Says whether NVMe controllers that are plugged in become disks.",
    [
      ...onOff("hotplug", "enable", "on or off", [
        ["e", "enable"],
        ["d", "disable"]
      ]).map(required),
      option(["r", "period-us"], integer("MICROSECONDS"), "from one look to the next (100000)")
    ],
    { aliases: ["set_bdev_nvme_hotplug"], example: "--no-hotplug" }
  )
]
