// Modes that do to a profiler what it has to bear: threads and processes that come and go, exceptions, code that vanishes.
using System.Diagnostics;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Medic.Targets
{
    /// <summary>
    /// Threads that live for `threadchurn [µs]` of CPU time (5,000), started by four others without a break. The command
    /// `shares` tells the CPU time of those that have ended.
    /// </summary>
    sealed class ThreadChurn(long microseconds) : Mode
    {
        private const int Starters = 4, Brood = 4;
        private long _ns;

        public override void Start()
        {
            for (var i = 0; i < Starters; i++)
                Run($"starter {i}", Breed);
        }

        public override void Command(string line)
        {
            if (line == "shares")
                Console.WriteLine($$"""{"processNs":{{CpuClock.OfProcess()}},"parts":[{"name":"mayfly","method":"Pond.Mayfly.Live","leaf":"","ns":{{Volatile.Read(ref _ns)}}}]}""");
            else
                base.Command(line);
        }

        private void Breed()
        {
            var brood = new Thread[Brood];
            for (; ; )
            {
                for (var i = 0; i < brood.Length; i++)
                    (brood[i] = new Thread(Live, 256 << 10) { Name = "mayfly", IsBackground = true }).Start();
                foreach (var one in brood)
                    one.Join();
                Done(brood.Length);
            }
        }

        private void Live() => Interlocked.Add(ref _ns, Pond.Mayfly.Live(microseconds * 1000));
    }

    /// <summary>NullReferenceExceptions, thousands a second, all caught: each is a SIGSEGV.</summary>
    sealed class NullRefs : Mode
    {
        public override void Start()
        {
            for (var i = 0; i < 2; i++)
                Run($"clumsy {i}", () =>
                {
                    for (; ; )
                    {
                        if (Pond.Clumsy.Fall(null) != -1)
                            Environment.FailFast("a null reference was not caught");
                        Done();
                    }
                });
        }
    }

    /// <summary>Children, one after the other, of whom the exit code, the output and the signal state are looked at. The
    /// command `children` tells: how many, how many wrong ones, how many that found SIGPROF ignored or blocked.</summary>
    sealed class ForkExec : Mode
    {
        private const ulong Sigprof = 1ul << 26;
        private long _children, _wrong, _tainted;
        private string _last = "";

        public override void Start()
        {
            for (var i = 0; i < 2; i++)
                Run($"parent {i}", () =>
                {
                    for (var n = 0; ; n++)
                        Child(n % 100 + 1);
                });
            Run("parent's work", () =>
            {
                for (; ; )
                {
                    Pond.Mayfly.Live(2_000_000);
                    Thread.Sleep(4);
                }
            });
        }

        public override void Command(string line)
        {
            if (line == "children")
                Console.WriteLine($$"""{"children":{{Volatile.Read(ref _children)}},"wrong":{{Volatile.Read(ref _wrong)}},"tainted":{{Volatile.Read(ref _tainted)}},"last":"{{_last}}"}""");
            else
                base.Command(line);
        }

        private void Child(int code)
        {
            var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, UseShellExecute = false };
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add($"while read -r key value; do case $key in SigBlk:|SigIgn:) echo $key $value;; esac; done < /proc/self/status; exit {code}");
            using var child = Process.Start(start)!;
            var said = child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            Interlocked.Increment(ref _children);
            var masks = said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (child.ExitCode != code || masks.Length != 2)
            {
                Interlocked.Increment(ref _wrong);
                _last = $"exit {child.ExitCode} instead of {code}, {masks.Length} lines";
            }
            else if (masks.Any(m => (Convert.ToUInt64(m.Split(' ')[1], 16) & Sigprof) != 0))
            {
                Interlocked.Increment(ref _tainted);
                _last = string.Join(' ', masks);
            }
            Done();
        }
    }

    /// <summary>Code that is compiled, runs for a moment and vanishes: dynamic methods, collectible assemblies and contexts.</summary>
    sealed class Jit : Mode
    {
        private static readonly string Self = typeof(Jit).Assembly.Location;
        private static int _made;

        public override void Start()
        {
            Run("mixer", () => Forever(() => Method()(20_000)));
            Run("builder", () => Forever(() => Build()(20_000)));
            Run("unloader", () => Forever(UseContext));
            Run("collector", () => Forever(() =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Thread.Sleep(2);
            }));
        }

        private void Forever(Action what)
        {
            for (; ; Done())
                what();
        }

        private static Func<int, uint> Method()
        {
            var method = new DynamicMethod($"Made{Interlocked.Increment(ref _made)}", typeof(uint), [typeof(int)], typeof(Jit).Module);
            Body(method.GetILGenerator());
            return method.CreateDelegate<Func<int, uint>>();
        }

        private static Func<int, uint> Build()
        {
            var name = $"Made{Interlocked.Increment(ref _made)}";
            var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName(name), AssemblyBuilderAccess.RunAndCollect);
            var type = assembly.DefineDynamicModule(name).DefineType("Made.Robot", TypeAttributes.Public);
            var method = type.DefineMethod("Work", MethodAttributes.Public | MethodAttributes.Static, typeof(uint), [typeof(int)]);
            Body(method.GetILGenerator());
            return type.CreateType().GetMethod("Work")!.CreateDelegate<Func<int, uint>>();
        }

        /// <summary>A loop with a few hundred instructions inside, so that compiling takes its time.</summary>
        private static void Body(ILGenerator il)
        {
            var x = il.DeclareLocal(typeof(uint));
            var again = il.DefineLabel();
            il.MarkLabel(again);
            for (var i = 0; i < 60; i++)
            {
                il.Emit(OpCodes.Ldloc, x);
                il.Emit(OpCodes.Ldc_I4, 1664525 + i);
                il.Emit(OpCodes.Mul);
                il.Emit(OpCodes.Ldc_I4, 1013904223);
                il.Emit(OpCodes.Add);
                il.Emit(OpCodes.Stloc, x);
            }
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldc_I4, 60);
            il.Emit(OpCodes.Sub);
            il.Emit(OpCodes.Starg_S, (byte)0);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldc_I4_0);
            il.Emit(OpCodes.Bgt, again);
            il.Emit(OpCodes.Ldloc, x);
            il.Emit(OpCodes.Ret);
        }

        /// <summary>Loads this program once more, computes in the copy, and lets it go.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void UseContext()
        {
            var context = new AssemblyLoadContext("guest", isCollectible: true);
            var oven = context.LoadFromAssemblyPath(Self).GetType("Bakery.Oven")!;
            oven.GetMethod("Bake")!.Invoke(null, [200]);
            context.Unload();
        }
    }
}

namespace Pond
{
    using Medic.Targets;

    static class Mayfly
    {
        /// <summary>The CPU time that it really took.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        public static long Live(long ns)
        {
            var begin = CpuClock.OfThread();
            for (var x = 1u; ;)
            {
                for (var i = 0; i < 20_000; i++) x = x * 1664525 + 1013904223; // MARK mayfly
                var spent = CpuClock.OfThread() - begin;
                if (spent >= ns)
                    return spent + (x & 1);
            }
        }
    }

    static class Clumsy
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public static int Fall(string? nothing)
        {
            try
            {
                return nothing!.Length; // MARK nullref
            }
            catch (NullReferenceException)
            {
                return -1;
            }
        }
    }
}
