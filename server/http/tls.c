/* TLS by libmicrohttpd's GnuTLS. The certificate and its key are chosen anew in each handshake, so
 * that another pair takes over without a connection being lost. */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>

#include "server/base/cleanup.h"
#include "server/http/internal.h"

struct pair {
    gnutls_x509_crt_t *chain;
    unsigned n;
    gnutls_x509_privkey_t key;
};

struct http_tls {
    const char *certificate, *key;
    pthread_mutex_t mutex;
    struct pair pair; /* under mutex */
};

static void pair_free(struct pair *p)
{
    for (unsigned i = 0; i < p->n; i++)
        gnutls_x509_crt_deinit(p->chain[i]);
    gnutls_free(p->chain);
    if (p->key)
        gnutls_x509_privkey_deinit(p->key);
    *p = (struct pair){.n = 0};
}

static void datum_free(gnutls_datum_t *d)
{
    if (d->data)
        gnutls_memset(d->data, 0, d->size);
    gnutls_free(d->data);
}

static int read_chain(struct pair *p, const char *path, struct err *e)
{
    _cleanup_(datum_free) gnutls_datum_t text = {NULL, 0};
    int rc = gnutls_load_file(path, &text);
    if (rc < 0)
        return err_set(e, ERR_VALIDATION, "tls_certificate: cannot read %.200s", path);
    rc = gnutls_x509_crt_list_import2(&p->chain, &p->n, &text, GNUTLS_X509_FMT_PEM,
                                      GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    if (rc < 0 || p->n == 0)
        return err_set(e, ERR_VALIDATION,
                       "tls_certificate: %.200s is no chain of PEM certificates, the server's own "
                       "first: %s",
                       path, gnutls_strerror(rc));
    return 0;
}

static int read_key(struct pair *p, const char *path, struct err *e)
{
    _cleanup_(datum_free) gnutls_datum_t text = {NULL, 0};
    if (gnutls_load_file(path, &text) < 0)
        return err_set(e, ERR_VALIDATION, "tls_key: cannot read %.200s", path);
    int rc = gnutls_x509_privkey_init(&p->key);
    if (rc == 0)
        rc = gnutls_x509_privkey_import2(p->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return err_set(e, ERR_VALIDATION,
                       "tls_key: %.200s is no private key in PEM without a password: %s", path,
                       gnutls_strerror(rc));
    return 0;
}

static bool fits(const struct pair *p)
{
    unsigned char a[32], b[32];
    size_t n = sizeof(a), m = sizeof(b);
    return p->chain &&
           gnutls_x509_crt_get_key_id(p->chain[0], GNUTLS_KEYID_USE_SHA256, a, &n) == 0 &&
           gnutls_x509_privkey_get_key_id(p->key, GNUTLS_KEYID_USE_SHA256, b, &m) == 0 && n == m &&
           memcmp(a, b, n) == 0;
}

int http_tls_load(struct http_tls *t, struct err *e)
{
    _cleanup_(pair_free) struct pair made = {.n = 0};
    if (read_chain(&made, t->certificate, e) < 0 || read_key(&made, t->key, e) < 0)
        return -1;
    if (!fits(&made))
        return err_set(e, ERR_VALIDATION,
                       "tls_key: %.120s is not the key of the certificate in %.120s", t->key,
                       t->certificate);
    (void)pthread_mutex_lock(&t->mutex);
    struct pair old = t->pair;
    t->pair = made;
    made = old; /* freed at the end */
    (void)pthread_mutex_unlock(&t->mutex);
    return 0;
}

struct http_tls *http_tls_new(const char *certificate, const char *key, struct err *e)
{
    struct http_tls *t = calloc(1, sizeof(*t));
    if (!t || pthread_mutex_init(&t->mutex, NULL)) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for TLS");
        free(t);
        return NULL;
    }
    t->certificate = certificate;
    t->key = key;
    if (http_tls_load(t, e) == 0)
        return t;
    http_tls_free(t);
    return NULL;
}

void http_tls_free(struct http_tls *t)
{
    if (!t)
        return;
    pair_free(&t->pair);
    (void)pthread_mutex_destroy(&t->mutex);
    free(t);
}

/* Copies that the handshake owns; under the mutex. */
static int copy_chain(const struct pair *p, gnutls_pcert_st **out)
{
    gnutls_pcert_st *certs = gnutls_calloc(p->n, sizeof(*certs));
    int rc = certs ? 0 : GNUTLS_E_MEMORY_ERROR;
    unsigned done = 0;
    for (; rc == 0 && done < p->n; done++)
        rc = gnutls_pcert_import_x509(&certs[done], p->chain[done], 0);
    if (rc == 0) {
        *out = certs;
        return 0;
    }
    for (unsigned i = 0; certs && i + 1 < done; i++)
        gnutls_pcert_deinit(&certs[i]);
    gnutls_free(certs);
    return rc;
}

static int copy_key(const struct pair *p, gnutls_privkey_t *out)
{
    int rc = gnutls_privkey_init(out);
    if (rc < 0)
        return rc;
    rc = gnutls_privkey_import_x509(*out, p->key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (rc < 0)
        gnutls_privkey_deinit(*out);
    return rc;
}

int tls_choose(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
               gnutls_pcert_st **certs, unsigned *n, gnutls_ocsp_data_st **ocsp, unsigned *n_ocsp,
               gnutls_privkey_t *key, unsigned *flags)
{
    (void)info;
    struct http_tls *t = gnutls_session_get_ptr(session);
    *ocsp = NULL;
    *n_ocsp = 0;
    *flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    (void)pthread_mutex_lock(&t->mutex);
    int rc = copy_key(&t->pair, key);
    if (rc == 0) {
        rc = copy_chain(&t->pair, certs);
        *n = t->pair.n;
        if (rc < 0)
            gnutls_privkey_deinit(*key);
    }
    (void)pthread_mutex_unlock(&t->mutex);
    return rc < 0 ? -1 : 0;
}

static gnutls_session_t session_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? (gnutls_session_t)info->tls_session : NULL;
}

void tls_prepare(struct http *h, struct MHD_Connection *mhd)
{
    gnutls_session_t session = h->s.tls ? session_of(mhd) : NULL;
    if (session)
        gnutls_session_set_ptr(session, h->s.tls);
}

void tls_send(struct MHD_Connection *mhd, const char *data, size_t n)
{
    gnutls_session_t session = session_of(mhd);
    while (session && n) {
        ssize_t sent = gnutls_record_send(session, data, n);
        if (sent <= 0)
            return;
        data += sent;
        n -= (size_t)sent;
    }
    if (session)
        (void)gnutls_bye(session, GNUTLS_SHUT_WR);
}

static void session_free(gnutls_session_t *s)
{
    if (*s)
        gnutls_deinit(*s);
}

static void credentials_free(gnutls_certificate_credentials_t *c)
{
    if (*c)
        gnutls_certificate_free_credentials(*c);
}

ptrdiff_t http_tls_ask(int fd, const char *request, char *answer, size_t n)
{
    _cleanup_(credentials_free) gnutls_certificate_credentials_t credentials = NULL;
    _cleanup_(session_free) gnutls_session_t session = NULL;
    if (gnutls_certificate_allocate_credentials(&credentials) < 0 ||
        gnutls_init(&session, GNUTLS_CLIENT) < 0 || gnutls_set_default_priority(session) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) < 0)
        return -1;
    gnutls_transport_set_int(session, fd);
    if (gnutls_handshake(session) < 0 ||
        gnutls_record_send(session, request, strlen(request)) != (ssize_t)strlen(request))
        return -1;
    return gnutls_record_recv(session, answer, n);
}
