"""`bringup apply` against one ssh per command, two and three simulated Macs, RTT 0 and 20 ms.

Every run starts from the re-initialised state, and both do the same steps: bridge scan, address,
matrix file, two checks, ping in both directions. bringup also reads everything back.
"""
import os
import pathlib
import subprocess
import sys

from measure import interleaved, once, table

HERE = pathlib.Path(__file__).resolve().parent
LAB_DIR = HERE.parent / "lab"
FLEETS = {
    "pair": (["studio1", "studio2"], '[[null,"rdma_en3"],["rdma_en3",null]]',
             ["studio1:en3:10.254.0.1", "studio2:en3:10.254.0.2"]),
    "triangle": (["studio1", "studio2", "studio3"],
                 '[[null,"rdma_en3","rdma_en4"],["rdma_en3",null,"rdma_en4"],["rdma_en3","rdma_en4",null]]',
                 ["studio1:en3:10.254.0.1", "studio2:en3:10.254.0.2", "studio1:en4:10.254.0.5",
                  "studio3:en3:10.254.0.6", "studio2:en4:10.254.0.9", "studio3:en4:10.254.0.10"]),
}


def main():
    bringup, lab = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3

    def run(*argv):
        subprocess.run([lab, *argv], check=True, stdout=subprocess.DEVNULL)

    for fleet, (nodes, matrix, ends) in FLEETS.items():
        run("up", fleet)
        inventory = LAB_DIR / "inventories" / f"{fleet}.toml"
        for one_way in (0, 10):
            run("wan", str(one_way) if one_way else "off")
            contenders = {
                "bringup apply": lambda: once([lab, "ctl", bringup, "apply", "--yes", "-q", "-i",
                                               str(inventory)]),
                "one ssh per command": lambda: once(
                    [lab, "ctl", str(HERE / "sequential"), matrix, *ends]),
            }
            runs = interleaved(contenders, rounds,
                               before=lambda _: run("reinit", "--rdma", "on", *nodes))
            table(f"{fleet}, round-trip time {2 * one_way} ms", runs, "bringup apply", len(nodes))
        run("down")


if __name__ == "__main__":
    os.environ.setdefault("BRINGUP_LAB", "bench")
    main()
