"""Outputs of many tools: the line that says what failed is found, and what only speaks of errors is not."""

from __future__ import annotations

import pytest

from longattncomp.adapters.failures import failures

FAILED = """
## pytest
=== short test summary info ===
|FAILED tests/test_rent.py::test_sum - AssertionError: assert 3 == 4
## pytest at collection
collected 0 items / 1 error

|ERROR tests/test_rent.py - ModuleNotFoundError: No module named 'rent'
## pytest's last line
|=================== 1 failed, 3 passed, 2 warnings in 0.12s ===================
## unittest
======================================================================
|FAIL: test_sum (test_rent.RentTest.test_sum)
----------
## unittest's last line
Ran 5 tests in 0.003s

|FAILED (failures=1, errors=1)
## jest
  ● Rent › adds the fees

    expect(received).toBe(expected)

|    Expected: 4
    Received: 3
## jest's last line
Test Suites: 1 passed, 2 total
|Tests:       1 failed, 4 passed, 5 total
## vitest
 ✓ src/roof.test.ts (3)
| FAIL  src/rent.test.ts > adds the fees
## mocha
  4 passing (12ms)
|  1 failing
## go test
|--- FAIL: TestSum (0.00s)
|    rent_test.go:14: got 3, want 4
FAIL
## go test, a package
ok  	example.com/roof	0.2s
|FAIL	example.com/rent	0.003s
## go panic
|panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.main()
## go build
# example.com/rent
|./rent.go:12:9: undefined: fees
## cargo test
running 2 tests
test roof ... ok
|test rent::sums ... FAILED
## cargo's last line
|test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
## cargo build
   Compiling rent v0.1.0
|error[E0382]: borrow of moved value: `lease`
  --> src/main.rs:4:20
## cargo's reason
|error: could not compile `rent` (bin "rent") due to 1 previous error
## rust panic
|thread 'main' panicked at src/main.rs:4:5:
|called `Option::unwrap()` on a `None` value
note: run with
## gcc
rent.c: In function 'main':
|rent.c:4:3: error: expected ';' before 'return'
## ld
/usr/bin/ld: rent.o: in function `main':
|rent.c:(.text+0x9): undefined reference to `fees'
|collect2: error: ld returned 1 exit status
## msvc
|rent.cpp(4): error C2143: syntax error: missing ';' before 'return'
## cmake
-- Found ZLIB
|CMake Error at CMakeLists.txt:7 (find_package):
  Could not find a package
## tsc
|src/rent.ts:4:3 - error TS2322: Type 'string' is not assignable to type 'number'.
## eslint
/app/src/rent.js
|  4:3  error  'fees' is not defined  no-undef

|✖ 1 problem (1 error, 0 warnings)
## ruff
|rent.py:4:3: F821 Undefined name `fees`
|Found 1 error.
## mypy
|rent.py:4: error: Name "fees" is not defined  [name-defined]
## maven
[INFO] Building rent 1.0
|[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin: fees
## maven's last line
[INFO] ----
|[INFO] BUILD FAILURE
[INFO] ----
## surefire
|[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE!
## gradle
> Task :roof:compileJava
|> Task :rent:compileJava FAILED
## gradle's reason
|* What went wrong:
|Execution failed for task ':rent:compileJava'.
## docker build
 => [2/3] RUN pip install rent
|ERROR: failed to solve: process "/bin/sh -c pip install rent" did not complete successfully: exit code: 1
## docker run
|docker: Error response from daemon: pull access denied for rent, repository does not exist.
## kubectl get
NAME       READY   STATUS             RESTARTS   AGE
roof-0     1/1     Running            0          2d
|rent-0     0/1     CrashLoopBackOff   7          12m
## kubectl describe
    Last State:     Terminated
|      Reason:       OOMKilled
|      Exit Code:    137
## kubectl events
3m   Normal    Pulled   pod/roof-0   Container image is present
|3m   Warning   Failed   pod/rent-0   Failed to pull image "rent:9": not found
## kubectl
|Error from server (NotFound): pods "rent-0" not found
## npm
|npm error code ERESOLVE
|npm error ERESOLVE unable to resolve dependency tree
## npm 8
|npm ERR! Missing script: "rent"
## yarn
|error Command failed with exit code 1.
## pip
Collecting rent==9
|ERROR: No matching distribution found for rent==9
## git
|fatal: not a git repository (or any of the parent directories): .git
## git merge
Auto-merging rent.py
|CONFLICT (content): Merge conflict in rent.py
|Automatic merge failed; fix conflicts and
## git push
To github.com:a/rent.git
| ! [rejected]        main -> main (non-fast-forward)
|error: failed to push some refs to
## bash
|./rent.sh: line 3: fees: command not found
## a shell's file
|cat: rent.txt: No such file or directory
## a shell's right
|bash: ./rent.sh: Permission denied
## a core dump
|Segmentation fault (core dumped)
## make
cc -o rent rent.c
|make: *** [Makefile:4: rent] Error 1
## make's target
|make: *** No rule to make target 'fees', needed by 'rent'.  Stop.
## ninja
[3/9] CC roof.o
|ninja: build stopped: subcommand failed.
## terraform
|│ Error: Unsupported argument
│
│   on main.tf line 4, in resource "aws_instance" "rent":
## ansible
ok: [roof]
|fatal: [rent]: UNREACHABLE! => {"changed": false, "msg": "Failed to connect"}
## ansible's task
changed: [roof]
|failed: [rent] (item=fees) => {"msg": "no such item"}
## psql
|ERROR:  relation "fees" does not exist
LINE 1: SELECT * FROM fees;
## postgres's log
2026-03-01 10:01:07 UTC [12] LOG:  checkpoint
|2026-03-01 10:01:08 UTC [13] FATAL:  password authentication failed for user "rent"
## mysql
|ERROR 1146 (42S02): Table 'rent.fees' doesn't exist
## sqlite
|sqlite3.OperationalError: no such table: fees
## python
Traceback (most recent call last):
  File "rent.py", line 4, in <module>
    fees()
|KeyError: 'fees'
## python without a message
Traceback (most recent call last):
  File "rent.py", line 4, in <module>
    fees()
|KeyboardInterrupt
## python's own exception
Traceback (most recent call last):
  File "rent.py", line 4, in <module>
    fees()
|rent.api.QuotaExceeded: 5 of 5
## an exception group
  + Exception Group Traceback (most recent call last):
  |   File "rent.py", line 4, in main
|  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
## java
Exception in thread "main" java.lang.NullPointerException: fees is null
	at rent.Main.main(Main.java:4)
|Caused by: java.io.IOException: disk full
## node
node:internal/process/promises:394

|TypeError: Cannot read properties of undefined (reading 'fees')
    at main (/app/rent.js:4:3)
## node's code
|Error: ENOENT: no such file or directory, open 'fees.json'
    at Object.openSync (node:fs:573:18)
## ruby
|rent.rb:4:in `fees': undefined method `sum' for nil:NilClass (NoMethodError)
	from rent.rb:9:in `<main>'
## php
|PHP Fatal error:  Uncaught TypeError: fees(): Argument #1 must be of type int in /app/rent.php:4
## php in a page
|Fatal error: Allowed memory size of 134217728 bytes exhausted in /app/rent.php on line 4
## c sharp
|Unhandled exception. System.NullReferenceException: Object reference not set to an instance of an object.
   at Rent.Main() in /app/Rent.cs:line 4
## dotnet build
|/app/Rent.cs(4,3): error CS0103: The name 'fees' does not exist in the current context
## elixir
|** (KeyError) key :fees not found in: %{}
    rent.ex:4: Rent.sum/1
## perl
|Can't locate Rent.pm in @INC (you may need to install the Rent module) at rent.pl line 4.
## curl
|curl: (7) Failed to connect to localhost port 80 after 0 ms: Couldn't connect to server
## an answer of HTTP
< Date: Sun, 01 Mar 2026
|< HTTP/1.1 503 Service Unavailable
## requests
|requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://example.com/rent
## an access log
10.0.0.1 - - [01/Mar/2026:10:01:06 +0000] "GET /roof HTTP/1.1" 200 512
|10.0.0.1 - - [01/Mar/2026:10:01:07 +0000] "GET /rent HTTP/1.1" 502 157
## systemd
Mar 01 10:01:06 host systemd[1]: Started roof.service.
|Mar 01 10:01:07 host systemd[1]: rent.service: Main process exited, code=exited, status=1/FAILURE
|Mar 01 10:01:07 host systemd[1]: rent.service: Failed with result 'exit-code'.
## systemctl
● rent.service - Rent
     Loaded: loaded
|     Active: failed (Result: exit-code) since Sun
## nginx
|2026/03/01 10:01:07 [error] 12#12: *5 connect() failed (111: Connection refused) while connecting to upstream
## nginx's config
|nginx: [emerg] unknown directive "fees" in /etc/nginx/nginx.conf:4
## the kernel
[  101.1] eth0: link is up
|[  102.3] Out of memory: Killed process 4711 (rent) total-vm:8123456kB
## the kernel's trap
|[  103.4] rent[4711]: segfault at 0 ip 00007f sp 00007f error 4 in rent[400000+1000]
## github actions
|##[error]Process completed with exit code 2.
## apt
|E: Unable to locate package rent
## ssh
|ssh: connect to host rent port 22: Connection refused
## aws
|An error occurred (AccessDenied) when calling the GetObject operation: Access Denied
## redis
|(error) WRONGTYPE Operation against a key holding the wrong kind of value
## a level in short
I0301 10:01:06.1 12 roof.go:3] ready
|E0301 10:01:07.1 12 rent.go:4] cannot bind port
## android
03-01 10:01:06.1  12  12 I Roof: ready
|03-01 10:01:07.1  12  12 E AndroidRuntime: FATAL EXCEPTION: main
## logback
10:01:06.1 [main] INFO  roof - ready
|10:01:07.1 [main] ERROR rent.Fees - cannot read
## json of a status
{"pod": "roof", "status": "Running"}
|{"pod": "rent", "status": "Failed", "exitCode": 137}
## a problem of an API
|{"error": {"code": "rate_limited", "message": "slow down"}}
## a timeout
waiting for rent-0
|error: timed out waiting for the condition
"""
"""What tools say, each under its name; a bar stands before each line that has to be found."""

INNOCENT = """
0 errors, 0 warnings
0 failed, 12 passed in 3.20s
errors: 0
Errors: 0, Failures: 0
Tests run: 12, Failures: 0, Errors: 0, Skipped: 0
Tests:       5 passed, 5 total
test result: ok. 12 passed; 0 failed; 0 ignored
No errors found.
no failures
Finished with no errors
Found 0 errors in 12 files (checked 30 source files)
Success: no issues found in 12 source files
src/error_handler.py
src/errors/index.ts
tests/test_errors.py::test_error_is_raised PASSED
tests/test_errors.py ......                                              [100%]
ok  	example.com/errors	0.003s
test errors::panics_when_empty ... ok
--- PASS: TestError (0.00s)
  ✓ shows an error when the lease is missing (3 ms)
✔ rejects with an error
 create mode 100644 docs/errors.md
-rw-r--r-- 1 ada ada 512 Mar  1 10:01 error.log
drwxr-xr-x 2 ada ada 4096 Mar  1 10:01 failures
Process finished with exit code 0
exit status 0
"exit_code": 0,
"error": null,
"errors": [],
"failed": 0,
"has_error": false,
  "errorMessage": "",
{"level":"info","msg":"retry after error is off","error":""}
2026-03-01 10:01:07 INFO  the error budget is 99.9 percent
2026-03-01 10:01:07 INFO  payment: failover is ready
2026-03-01T10:01:07Z DEBUG errors=0 retries=0
level=info msg="no error" code=200
10.0.0.1 - - [01/Mar/2026:10:01:07 +0000] "GET /errors/500 HTTP/1.1" 200 512
10.0.0.1 - - [01/Mar/2026:10:01:07 +0000] "GET /error.html HTTP/1.1" 304 0
HTTP/1.1 200 OK
The error rate fell to 3 percent.
Error handling is described in chapter 5.
Fatal accidents fell by a third in 2025.
The exception proves the rule.
Critical acclaim came late.
# Errors
## Error handling
| error | meaning |
- An error is raised if the lease is missing.
raise ValueError("no lease")
    except KeyError as error:
class QuotaError(Exception):
from errors import QuotaError
throw new Error("no lease");
if (error) return callback(error);
const error = await response.json();
return fmt.Errorf("no lease: %w", err)
if err != nil {
log.error("cannot read the lease")
logger.error(f"failed: {error}")
console.error(message)
    Raises:
        ValueError: if there is no lease.
ERROR = 5
    ERROR: int = 40
set -e  # stop at the first error
error_log /var/log/nginx/error.log warn;
rent-0     1/1     Running   0          2d
0 upgraded, 0 newly installed, 0 to remove
nothing to commit, working tree clean
Warning: the option is deprecated
WARN  deprecated package rent
total errors    0
failures=0
rc=0
4xx errors: 0
killed: 0
def fail(self) -> None:
assert result.failed == 0
Failed login attempts are counted per day.
src/rent.py:12:    raise ValueError("no lease")
main.go:14: listening on :8080
rent.c:4:3: warning: unused variable 'fees'
● roof.service - Roof
     Active: active (running) since Sun
roof : ok=3 changed=1 unreachable=0 failed=0
"status": "succeeded",
3m   Normal    Pulled   pod/roof-0   Container image is present
I0301 10:01:06.1 12 roof.go:3] ready
Expected: 4
level=info status=200 errors=0
HTTP/1.1 301 Moved Permanently
| failed | bool | whether the step failed |
The build failed last week, and Ada mended it.
"""

CASES = dict(case.split("\n", 1) for case in FAILED.strip("\n").removeprefix("## ").split("\n## "))


@pytest.mark.parametrize("kind", CASES)
def test_what_failed_is_found(kind: str) -> None:
    lines = CASES[kind].split("\n")
    text = "\n".join(line.removeprefix("|") for line in lines)
    found = [text[start:end] for start, end in failures(text)]
    wanted = [line[1:] for line in lines if line.startswith("|")]
    assert [line for line in wanted if not any(line in one for one in found)] == []


def test_what_only_speaks_of_errors_is_not() -> None:
    lines = INNOCENT.strip("\n").split("\n")
    assert [line for line in lines if failures(f"{line}\n")] == []


def test_an_output_that_ends_with_the_head_of_a_traceback() -> None:
    text = "Run\nTraceback (most recent call last):"
    assert [text[start:end] for start, end in failures(text)] == ["Traceback (most recent call last):"]
