using System.Runtime.CompilerServices;

namespace Shop;

/// <summary>Sync over async on the thread pool, which is how it starves.</summary>
static class Checkout
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Pay() => GC.KeepAlive(Task.Run(Ask).Result); // MARK starved

    private static async Task<int> Ask()
    {
        await Task.Yield();
        return 1;
    }
}
