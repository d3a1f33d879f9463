/**
 * The program of the pod sandbox, as machine code that is put together here, so that no compiler and no registry is
 * needed. It is the pod's first process: it holds the namespaces, ends on SIGTERM or SIGINT, and reaps children that
 * lost their parent (where containers share its process namespace). In C:
 *
 *   sigprocmask(SIG_BLOCK, {INT, TERM, CHLD});     // blocked signals reach even a first process
 *   for (;;) {
 *     int signal = sigtimedwait({INT, TERM, CHLD}, NULL, NULL);
 *     if (signal == SIGCHLD) { while (wait4(-1, NULL, WNOHANG, NULL) > 0); continue; }
 *     if (signal < 0) continue;                     // interrupted
 *     exit_group(0);
 *   }
 */
export type Architecture = 'amd64' | 'arm64';

const LOAD_ADDRESS = 0x400000;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/** Bits of SIGINT (2), SIGTERM (15) and SIGCHLD (17). */
const SIGNAL_MASK = (1 << 1) | (1 << 14) | (1 << 16);

/** A static ELF executable for Linux, a few hundred bytes long. */
export function pauseExecutable(architecture: Architecture): Uint8Array {
  const code = architecture === 'amd64' ? amd64Code() : arm64Code();
  const start = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const file = Buffer.alloc(start + code.length);
  file.write('\x7fELF', 'latin1');
  file.set([2, 1, 1], 4); // 64 bits, little endian, version 1
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(architecture === 'amd64' ? 62 : 183, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS + start), 24); // entry point
  file.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // where the program header is
  file.writeUInt16LE(ELF_HEADER_BYTES, 52);
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // readable and executable
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 80);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x10000n, 112); // arm64 kernels may have pages of 64 KiB
  file.set(code, start);
  return file;
}

function amd64Code(): Uint8Array {
  const bytes: number[] = [];
  const emit = (...values: number[]) => bytes.push(...values);
  /** Displacements of `lea reg, [rip + mask]` that are filled in when the mask's place is known. */
  const toMask: number[] = [];
  const leaMask = (register: number) => {
    emit(0x48, 0x8d, register, 0, 0, 0, 0);
    toMask.push(bytes.length - 4);
  };
  const syscall = (number: number) => emit(0xb8, number, 0, 0, 0, 0x0f, 0x05); // mov eax, number; syscall
  const jump = (opcode: number, target: number) => emit(opcode, (target - bytes.length - 2) & 0xff);

  emit(0x31, 0xff); // xor edi, edi: SIG_BLOCK
  leaMask(0x35); // rsi
  emit(0x31, 0xd2); // xor edx, edx
  emit(0x41, 0xba, 8, 0, 0, 0); // mov r10d, 8: size of the set
  syscall(14); // rt_sigprocmask

  const wait = bytes.length;
  leaMask(0x3d); // rdi
  emit(0x31, 0xf6); // xor esi, esi
  emit(0x31, 0xd2); // xor edx, edx: no timeout
  emit(0x41, 0xba, 8, 0, 0, 0);
  syscall(128); // rt_sigtimedwait
  emit(0x83, 0xf8, 17); // cmp eax, SIGCHLD
  emit(0x74, 0); // je reap
  const reapJump = bytes.length - 1;
  emit(0x85, 0xc0); // test eax, eax
  jump(0x78, wait); // js wait
  emit(0x31, 0xff);
  syscall(231); // exit_group(0)

  const reap = bytes.length;
  bytes[reapJump] = reap - reapJump - 1;
  emit(0xbf, 0xff, 0xff, 0xff, 0xff); // mov edi, -1: any child
  emit(0x31, 0xf6);
  emit(0xba, 1, 0, 0, 0); // mov edx, WNOHANG
  emit(0x45, 0x31, 0xd2); // xor r10d, r10d
  syscall(61); // wait4
  emit(0x85, 0xc0);
  jump(0x7f, reap); // jg reap
  jump(0xeb, wait);

  const mask = bytes.length;
  const code = Buffer.from([...bytes, 0, 0, 0, 0, 0, 0, 0, 0]);
  for (const place of toMask) code.writeInt32LE(mask - (place + 4), place);
  code.writeUInt32LE(SIGNAL_MASK, mask);
  return code;
}

function arm64Code(): Uint8Array {
  const words: number[] = [];
  const toMask: { readonly at: number; readonly register: number }[] = [];
  const move = (register: number, value: number) => words.push(0xd2800000 | (value << 5) | register);
  const addressOfMask = (register: number) => {
    toMask.push({ at: words.length, register });
    words.push(0);
  };
  const syscall = (number: number) => {
    move(8, number);
    words.push(0xd4000001); // svc #0
  };
  const compare = (value: number) => words.push(0x7100001f | (value << 10)); // cmp w0, #value
  const branchIf = (condition: number, target: number) =>
    words.push(0x54000000 | (((target - words.length) & 0x7ffff) << 5) | condition);

  move(0, 0);
  addressOfMask(1);
  move(2, 0);
  move(3, 8);
  syscall(135); // rt_sigprocmask

  const wait = words.length;
  addressOfMask(0);
  move(1, 0);
  move(2, 0);
  move(3, 8);
  syscall(137); // rt_sigtimedwait
  compare(17);
  const reapBranch = words.length;
  words.push(0);
  words.push(0x37000000 | (31 << 19) | (((wait - words.length) & 0x3fff) << 5)); // tbnz w0, #31, wait
  move(0, 0);
  syscall(94); // exit_group

  const reap = words.length;
  words[reapBranch] = 0x54000000 | ((reap - reapBranch) << 5); // b.eq reap
  words.push(0x92800000); // mov x0, #-1
  move(1, 0);
  move(2, 1);
  move(3, 0);
  syscall(260); // wait4
  compare(0);
  branchIf(12, reap); // b.gt
  words.push(0x14000000 | ((wait - words.length) & 0x3ffffff)); // b wait

  const mask = words.length;
  for (const { at, register } of toMask) {
    const distance = (mask - at) * 4;
    words[at] = 0x10000000 | ((distance >> 2) << 5) | register; // adr
  }
  const code = Buffer.alloc((mask + 2) * 4);
  words.forEach((word, index) => code.writeUInt32LE(word >>> 0, index * 4));
  code.writeUInt32LE(SIGNAL_MASK, mask * 4);
  return code;
}
