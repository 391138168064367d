using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Medic.Targets;

/// <summary>
/// A program with signals of its own: `signals <libmedic_signals.so> [prof]`. The library (tests/targets/signals/signals.c) runs
/// threads that wait in calls which a signal would interrupt, threads on alternate signal stacks and, with prof, its own
/// SIGPROF handler on a process timer. The command `signals` prints its counters; `install` and `remove` do that with the
/// handler while the program runs.
/// </summary>
sealed unsafe class Signals : Mode
{
    private readonly delegate* unmanaged<int> _start, _install, _remove;
    private readonly delegate* unmanaged<byte*, int, int> _tell;
    private readonly bool _prof;

    public Signals(string[] arguments)
    {
        var library = NativeLibrary.Load(arguments[0]);
        _start = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "signals_start");
        _install = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "signals_install");
        _remove = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "signals_remove");
        _tell = (delegate* unmanaged<byte*, int, int>)NativeLibrary.GetExport(library, "signals_tell");
        _prof = arguments.Contains("prof");
    }

    public override void Start()
    {
        Check(_start());
        if (_prof)
            Check(_install());
        Run("worker", Burn);
    }

    public override void Command(string line)
    {
        switch (line)
        {
            case "signals": Console.WriteLine(Tell()); break;
            case "install": Console.WriteLine(_install()); break;
            case "remove": Console.WriteLine(_remove()); break;
            default: base.Command(line); break;
        }
    }

    private static void Check(int result)
    {
        if (result != 0)
            throw new InvalidOperationException($"signals.c failed: {result}");
    }

    private string Tell()
    {
        var buffer = stackalloc byte[1024];
        return Encoding.ASCII.GetString(buffer, _tell(buffer, 1024));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Burn()
    {
        for (; ; Done())
        {
            Pond.Mayfly.Live(5_000_000);
            Thread.Sleep(5);
        }
    }
}
