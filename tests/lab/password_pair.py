"""Two bare Macs with a cable between them that no key opens: the login's password is all there is."""

import tempfile

from harness import INVENTORIES, RELAXED, Lab, LabCase

ENDS = {"studio1": "10.254.0.1/30", "studio2": "10.254.0.2/30"}
_FLEET = """[lab]
start = "reinit"
reinit_rdma = "on"
[defaults]
ssh_auth = "password"
{defaults}[nodes.studio1]
[nodes.studio2]
sh = "dash"
[[cables]]
a = "studio1:en3"
b = "studio2:en3"
"""


class PasswordPair(LabCase):
    defaults = ""  # further lines of the fleet's [defaults]
    login = 'user = "admin"'  # how the inventory names the login

    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", prefix="bringup-lab-", suffix=".toml",
                                         encoding="utf-8") as fleet:
            fleet.write(_FLEET.format(defaults=cls.defaults))
            fleet.flush()
            cls.lab = Lab(fleet.name)
        cls.macs = list(ENDS)
        with open(f"{INVENTORIES}/pair.toml", encoding="utf-8") as f:
            text = f.read().replace(PasswordPair.login, cls.login) + RELAXED
        with open(cls.lab.inventory(), "w", encoding="utf-8") as f:
            f.write(text)

    def setUp(self):
        super().setUp()
        for node in ENDS:
            self.lab.break_(node, "wrong-key")

    def root(self, node, script, check=True):
        return self.lab("exec", node, "sh", "-c", script, check=check)
