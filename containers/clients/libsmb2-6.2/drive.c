/* One case: everything on one connection, with the synchronous calls of libsmb2. */

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <smb2/smb2.h>
#include <smb2/libsmb2.h>

static const char content[] = "countersign was here: a file that is written, read and deleted\n";

static struct smb2_context *smb2;

static int failed(const char *what)
{
    printf("%s: %s\n", what, smb2_get_error(smb2));
    return 1;
}

/* Its own timeout does not end every wait. */
static void late(int number)
{
    static const char text[] = "libsmb2 was ended after 15 seconds\n";

    (void)number;
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(2);
    _exit(1);
}

/* A line of the login file. */
static void line(FILE *file, char *text, int size)
{
    if (fgets(text, size, file) == NULL)
        text[0] = 0;
    text[strcspn(text, "\n")] = 0;
}

int main(void)
{
    const char *server = getenv("SERVER"), *share = getenv("SHARE"), *name = getenv("FILE");
    const char *signing = getenv("SIGNING"), *login = getenv("LOGIN");
    char user[256], domain[256], password[256], received[sizeof content];
    struct smb2fh *file;
    FILE *lines;
    int length;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (server == NULL || share == NULL || name == NULL || signing == NULL || login == NULL)
        return 2;
    lines = fopen(login, "r");
    if (lines == NULL)
        return 2;
    line(lines, user, sizeof user);
    line(lines, domain, sizeof domain);
    line(lines, password, sizeof password);
    fclose(lines);

    signal(SIGALRM, late);
    alarm(15);
    smb2 = smb2_init_context();
    if (smb2 == NULL)
        return 2;
    smb2_set_timeout(smb2, 10);
    /* NTLMSSP. As Debian builds it it would ask for a Kerberos ticket. */
    smb2_set_authentication(smb2, 1);
    /* SIGNING is what is passed to smb2_set_sign; nothing leaves it as it comes. */
    if (signing[0] != 0)
        smb2_set_sign(smb2, atoi(signing));
    /* Without a user the name is the empty one, or it would take that of whoever runs it. */
    smb2_set_user(smb2, user);
    if (user[0] != 0) {
        smb2_set_domain(smb2, domain);
        smb2_set_password(smb2, password);
    }
    memset(password, 0, sizeof password);

    if (smb2_connect_share(smb2, server, share, user[0] != 0 ? user : NULL) < 0)
        return failed("smb2_connect_share");
    puts("did: mount");

    file = smb2_open(smb2, name, O_WRONLY | O_CREAT | O_EXCL);
    if (file == NULL)
        return failed("smb2_open");
    if (smb2_write(smb2, file, (const uint8_t *)content, sizeof content - 1) != (int)sizeof content - 1)
        return failed("smb2_write");
    if (smb2_close(smb2, file) < 0)
        return failed("smb2_close");
    puts("did: write");

    file = smb2_open(smb2, name, O_RDONLY);
    if (file == NULL)
        return failed("smb2_open");
    length = smb2_read(smb2, file, (uint8_t *)received, sizeof received);
    if (length < 0)
        return failed("smb2_read");
    if (smb2_close(smb2, file) < 0)
        return failed("smb2_close");
    if (length != (int)sizeof content - 1 || memcmp(received, content, sizeof content - 1) != 0) {
        puts("what was read is not what was written");
        return 1;
    }
    puts("did: read");

    if (smb2_unlink(smb2, name) < 0)
        return failed("smb2_unlink");
    puts("did: delete");

    if (smb2_disconnect_share(smb2) < 0)
        return failed("smb2_disconnect_share");
    smb2_destroy_context(smb2);
    return 0;
}
