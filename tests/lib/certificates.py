"""Certificates for tests of TLS, made with the openssl command: an authority of the test's own, and what it issues."""

import os
import subprocess


def openssl(*arguments, stdin=""):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, input=stdin).stdout


def key_file(folder, name, kind="ec"):
    path = os.path.join(folder, f"{name}.key")
    how = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else \
        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("genpkey", *how, "-out", path)
    os.chmod(path, 0o600)
    return path


class Authority:
    """Its certificate is the file `ca`."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = os.path.join(folder, "ca.pem")
        self.key = key_file(folder, "ca")
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", "/CN=test authority", "-days", "30", "-out", self.ca,
                # Python 3.13 takes no authority without it.
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, names, kind="ec", days=30):
        """Returns the files of a certificate and its key. Days below 0: it ended so long ago."""
        key = key_file(self.folder, name, kind)
        request = openssl("req", "-new", "-key", key, "-subj", f"/CN={name}")
        san = ",".join(f"IP:{one}" if one[0].isdigit() or ":" in one else f"DNS:{one}" for one in names)
        extensions = os.path.join(self.folder, f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={san}\nbasicConstraints=CA:FALSE\n")
        certificate = os.path.join(self.folder, f"{name}.pem")
        arguments = ["x509", "-req", "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial", "-extfile", extensions,
                     "-days", str(days), "-out", certificate]
        openssl(*arguments, stdin=request)
        return certificate, key
