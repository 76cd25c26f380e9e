"""Certificates for tests: made by openssl, and trusted by nobody else."""
import ssl
import subprocess


def make_pair(folder, name="server", common_name="localhost", key="ec"):
    """A self-signed certificate for localhost and 127.0.0.1; the paths of it and of its key."""
    certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
    kind = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
            "rsa": ["-newkey", "rsa:2048"]}[key]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *kind, "-days", "30", "-subj", f"/CN={common_name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", private,
                    "-out", certificate], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return certificate, private


def trusting(*certificates):
    """A client's context that trusts these alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for certificate in certificates:
        context.load_verify_locations(certificate)
    return context
